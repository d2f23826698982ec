/**
 * The ResNets for 32-pixel images of "Deep Residual Learning for Image Recognition", https://arxiv.org/abs/1512.03385,
 * section 4.2: 6n + 2 layers, n blocks each of 16, 32 and 64 channels, and shortcuts without parameters (option A); and the
 * plain networks that the paper holds them against, the same layers without a shortcut. Parameter names follow torchvision's ResNet.
 */
import {
  BatchNorm2d,
  buildHead,
  type Context,
  Conv2d,
  Dropout,
  DropPath,
  dropPathRates,
  globalAvgPool,
  type Head,
  ImageNetwork,
  inference,
  kaimingNormal,
  type Module,
  type ParamStore,
  type Params,
  rebuildOn,
} from "@vitrail/layers";
import { add, avgPool, pad, relu, type Tensor, type Tensor2D, type Tensor4D, tidy } from "@vitrail/tensor";

export interface CifarResNetConfig {
  /** n: blocks in each of the three stages. */
  readonly blocks: number;
  /** Channels of the first stage; 16 in the paper. */
  readonly width: number;
  /** 0: no classifier. */
  readonly numClasses: number;
  /** False for the paper's plain networks: the same layers in a row, and the same parameters. Default true. */
  readonly shortcuts?: boolean;
  /** Channels of the image. Default 3. */
  readonly inChans?: number;
  /** Dropout before the classifier, in training. Default 0. */
  readonly dropRate?: number;
  /** Stochastic depth of the last block, in training; grows evenly from 0 at the first. Default 0. */
  readonly dropPathRate?: number;
}

const conv = (p: Params, inChannels: number, outChannels: number, stride = 1): Conv2d =>
  new Conv2d(p, inChannels, outChannels, 3, { stride, padding: 1, bias: false, init: kaimingNormal("fanIn") });

/** Two 3 x 3 convolutions and, but for plain networks, a shortcut of option A: every second pixel, the new channels zero. */
class BasicBlock {
  readonly path: string;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly dropPath: DropPath;
  readonly shortcuts: boolean;
  readonly stride: number;
  readonly extra: number;

  constructor(
    p: Params,
    inChannels: number,
    outChannels: number,
    {
      shortcuts,
      stride,
      dropPath,
    }: { readonly shortcuts: boolean; readonly stride: number; readonly dropPath: number },
  ) {
    this.path = p.path;
    this.shortcuts = shortcuts;
    this.conv1 = conv(p.at("conv1"), inChannels, outChannels, stride);
    this.bn1 = new BatchNorm2d(p.at("bn1"), outChannels);
    this.conv2 = conv(p.at("conv2"), outChannels, outChannels);
    this.bn2 = new BatchNorm2d(p.at("bn2"), outChannels);
    this.dropPath = new DropPath(p.at("drop_path").path, dropPath);
    this.stride = stride;
    this.extra = outChannels - inChannels;
  }

  forward(x: Tensor4D, ctx: Context): Tensor4D {
    let y: Tensor4D = relu(this.bn1.forward(this.conv1.forward(x, ctx), ctx));
    y = this.bn2.forward(this.conv2.forward(y, ctx), ctx);
    y = relu(this.shortcuts ? add<Tensor4D>(this.dropPath.forward(y, ctx), this.#shortcut(x)) : y);
    ctx.tap(this.path, y);
    return y;
  }

  /** No parameters: new channels are zero, half of them before and half after, as in the common implementations. */
  #shortcut(x: Tensor4D): Tensor4D {
    // A window of one pixel with a stride: tfjs has a gradient for it, unlike for a strided slice.
    const kept: Tensor4D = this.stride === 1 ? x : avgPool(x, 1, this.stride, "valid");
    if (this.extra === 0) return kept;
    const before = Math.floor(this.extra / 2);
    return pad(kept, [
      [0, 0],
      [0, 0],
      [0, 0],
      [before, this.extra - before],
    ]);
  }
}

/** A residual network for CIFAR (section 4.2 of the paper). */
export class CifarResNet extends ImageNetwork<CifarResNetConfig> {
  readonly numClasses: number;
  readonly numFeatures: number;
  /** Pixels of the image to one of the last map. */
  readonly reduction = 4;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly stages: readonly (readonly BasicBlock[])[];
  readonly dropout: Dropout;
  readonly classifier: Module;

  /** `head` stands in for `config.numClasses` where the classifier is no plain linear layer. */
  constructor(params: ParamStore, config: CifarResNetConfig, head: Head = config.numClasses) {
    super(params, config);
    const { blocks: n, width, shortcuts = true, inChans = 3, dropRate = 0, dropPathRate = 0 } = config;
    if (!Number.isInteger(n) || n < 1) throw new RangeError(`blocks: expected 1, 2, 3, …, found ${n}`);
    if (!shortcuts && dropPathRate > 0) {
      throw new RangeError(
        `dropPathRate: expected 0 without shortcuts, which carry what is dropped, found ${dropPathRate}`,
      );
    }
    this.conv1 = conv(params.at("conv1"), inChans, width);
    this.bn1 = new BatchNorm2d(params.at("bn1"), width);
    const rates = dropPathRates(dropPathRate, 3 * n);
    this.stages = [1, 2, 4].map((factor, s) =>
      Array.from({ length: n }, (_, b) => {
        const first = s > 0 && b === 0;
        const outChannels = width * factor;
        const p = params.at(`layer${s + 1}`).at(b);
        return new BasicBlock(p, first ? outChannels / 2 : outChannels, outChannels, {
          shortcuts,
          stride: first ? 2 : 1,
          dropPath: rates[s * n + b] as number,
        });
      }),
    );
    this.numFeatures = width * 4;
    this.dropout = new Dropout(params.at("dropout").path, dropRate);
    const built = buildHead(params.at("fc"), this.numFeatures, head);
    this.classifier = built.module;
    this.numClasses = built.numClasses;
  }

  /** [B, H, W, inChans] images, already normalised -> [B, H / 4, W / 4, 4 width] */
  forwardFeatures(images: Tensor4D, ctx: Context = inference): Tensor4D {
    const name = (s: string) => this.params.at(s).path;
    return tidy(() => {
      let x: Tensor4D = relu(this.bn1.forward(this.conv1.forward(images, ctx), ctx)); // [B, H, W, width]
      ctx.tap(name("relu"), x);
      this.stages.forEach((blocks, s) => {
        for (const block of blocks) x = block.forward(x, ctx);
        ctx.tap(name(`layer${s + 1}`), x);
      });
      return x;
    });
  }

  /** [B, h, w, C] -> [B, C], the mean over the map */
  pool(features: Tensor, ctx: Context = inference): Tensor2D {
    const y = globalAvgPool(features as Tensor4D);
    ctx.tap(this.params.at("avgpool").path, y);
    return y;
  }

  resetHead(head: Head, { seed = 0 }: { readonly seed?: number } = {}): CifarResNet {
    return rebuildOn(this.params, "fc", seed, (params) => {
      const config = typeof head === "number" ? { ...this.config, numClasses: head } : this.config;
      return new CifarResNet(params, config, head);
    });
  }
}
