/**
 * ResNet: "Deep Residual Learning for Image Recognition", https://arxiv.org/abs/1512.03385, in the version v1.5 that
 * torchvision and timm train: the 3 x 3 convolution of a bottleneck strides, not the 1 x 1 before it.
 * Parameter names are torchvision's (timm's are the same), so their checkpoints load unchanged.
 *
 * Shapes: B images of H x W pixels; C channels of the last stage.
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
  maxPool,
  ones,
  type ParamStore,
  type Params,
  rebuildOn,
  zeros,
} from "@vitrail/layers";
import { add, relu, type Tensor, type Tensor2D, type Tensor4D, tidy } from "@vitrail/tensor";

export interface ResNetConfig {
  readonly block: "basic" | "bottleneck";
  /** Blocks in each stage; each stage after the first halves the map and doubles the channels. */
  readonly layers: readonly number[];
  /** Channels of the stem and of the first stage's 3 x 3 convolutions. */
  readonly width: number;
  /** 0: no classifier. */
  readonly numClasses: number;
  /** Channels of the image. Default 3. */
  readonly inChans?: number;
  /** Dropout before the classifier, in training. Default 0. */
  readonly dropRate?: number;
  /** Stochastic depth of the last block, in training; grows evenly from 0 at the first. Default 0. */
  readonly dropPathRate?: number;
  /** Start each block as the identity: its last BatchNorm's weight is 0. Default false, as in torchvision. */
  readonly zeroInitResidual?: boolean;
}

/** What a block needs besides its parameters. */
interface BlockOptions {
  readonly inChannels: number;
  /** Channels of the 3 x 3 convolutions. */
  readonly width: number;
  readonly stride: number;
  readonly dropPath: number;
  readonly zeroInit: boolean;
}

/** Bias is BatchNorm's; Kaiming's initialisation counts outputs, as in torchvision and timm. */
const conv = (p: Params, inChannels: number, outChannels: number, kernel: number, stride = 1): Conv2d =>
  new Conv2d(p, inChannels, outChannels, kernel, {
    stride,
    padding: (kernel - 1) / 2,
    bias: false,
    init: kaimingNormal("fanOut"),
  });

/** The shortcut where a block changes the map or the channels: a 1 x 1 convolution (option B of the paper). */
class Downsample {
  readonly path: string;
  readonly conv: Conv2d;
  readonly norm: BatchNorm2d;

  constructor(p: Params, inChannels: number, outChannels: number, stride: number) {
    this.path = p.path;
    this.conv = conv(p.at(0), inChannels, outChannels, 1, stride);
    this.norm = new BatchNorm2d(p.at(1), outChannels);
  }

  forward(x: Tensor4D, ctx: Context): Tensor4D {
    const y = this.norm.forward(this.conv.forward(x, ctx), ctx);
    ctx.tap(this.path, y);
    return y;
  }
}

/** A residual block: its branches, before they are added. */
interface Block {
  readonly outChannels: number;
  forward(x: Tensor4D, ctx: Context): Tensor4D;
}

/** Two 3 x 3 convolutions (figure 5, left). */
class BasicBlock implements Block {
  readonly path: string;
  readonly outChannels: number;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly downsample: Downsample | undefined;
  readonly dropPath: DropPath;

  constructor(p: Params, { inChannels, width, stride, dropPath, zeroInit }: BlockOptions) {
    this.path = p.path;
    this.outChannels = width;
    this.conv1 = conv(p.at("conv1"), inChannels, width, 3, stride);
    this.bn1 = new BatchNorm2d(p.at("bn1"), width);
    this.conv2 = conv(p.at("conv2"), width, width, 3);
    this.bn2 = new BatchNorm2d(p.at("bn2"), width, { init: zeroInit ? zeros : ones });
    const changes = stride !== 1 || inChannels !== width;
    this.downsample = changes ? new Downsample(p.at("downsample"), inChannels, width, stride) : undefined;
    this.dropPath = new DropPath(p.at("drop_path").path, dropPath);
  }

  /** [B, H, W, inChannels] -> [B, H / stride, W / stride, width] */
  forward(x: Tensor4D, ctx: Context): Tensor4D {
    let y = relu(this.bn1.forward(this.conv1.forward(x, ctx), ctx));
    y = this.bn2.forward(this.conv2.forward(y, ctx), ctx);
    return join(this, x, y, ctx);
  }
}

/** 1 x 1 down, 3 x 3, 1 x 1 up to four times the width (figure 5, right). */
class Bottleneck implements Block {
  readonly path: string;
  readonly outChannels: number;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly conv3: Conv2d;
  readonly bn3: BatchNorm2d;
  readonly downsample: Downsample | undefined;
  readonly dropPath: DropPath;

  constructor(p: Params, { inChannels, width, stride, dropPath, zeroInit }: BlockOptions) {
    this.path = p.path;
    this.outChannels = 4 * width;
    this.conv1 = conv(p.at("conv1"), inChannels, width, 1);
    this.bn1 = new BatchNorm2d(p.at("bn1"), width);
    this.conv2 = conv(p.at("conv2"), width, width, 3, stride); // v1.5: the stride is here
    this.bn2 = new BatchNorm2d(p.at("bn2"), width);
    this.conv3 = conv(p.at("conv3"), width, 4 * width, 1);
    this.bn3 = new BatchNorm2d(p.at("bn3"), 4 * width, { init: zeroInit ? zeros : ones });
    const changes = stride !== 1 || inChannels !== 4 * width;
    this.downsample = changes ? new Downsample(p.at("downsample"), inChannels, 4 * width, stride) : undefined;
    this.dropPath = new DropPath(p.at("drop_path").path, dropPath);
  }

  /** [B, H, W, inChannels] -> [B, H / stride, W / stride, 4 width] */
  forward(x: Tensor4D, ctx: Context): Tensor4D {
    let y = relu(this.bn1.forward(this.conv1.forward(x, ctx), ctx));
    y = relu(this.bn2.forward(this.conv2.forward(y, ctx), ctx));
    y = this.bn3.forward(this.conv3.forward(y, ctx), ctx);
    return join(this, x, y, ctx);
  }
}

/** y = F(x) + x, then ReLU (eq. 1; eq. 2 where the shortcut is a projection). */
function join(block: BasicBlock | Bottleneck, x: Tensor4D, residual: Tensor4D, ctx: Context): Tensor4D {
  const shortcut = block.downsample?.forward(x, ctx) ?? x;
  const y: Tensor4D = relu(add<Tensor4D>(block.dropPath.forward(residual, ctx), shortcut));
  ctx.tap(block.path, y);
  return y;
}

/** A residual network for ImageNet (table 1). */
export class ResNet extends ImageNetwork<ResNetConfig> {
  readonly numClasses: number;
  readonly numFeatures: number;
  /** Pixels of the image to one of the last map: 32 with four stages. */
  readonly reduction: number;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly stages: readonly (readonly Block[])[];
  readonly dropout: Dropout;
  readonly classifier: Module;

  /** `head` stands in for `config.numClasses` where the classifier is no plain linear layer. */
  constructor(params: ParamStore, config: ResNetConfig, head: Head = config.numClasses) {
    super(params, config);
    const { layers, width, inChans = 3, dropRate = 0, dropPathRate = 0, zeroInitResidual: zeroInit = false } = config;
    if (layers.length === 0 || layers.some((n) => n < 1)) {
      throw new RangeError(`layers: expected at least one block in each stage, found [${layers.join(", ")}]`);
    }
    this.conv1 = conv(params.at("conv1"), inChans, width, 7, 2);
    this.bn1 = new BatchNorm2d(params.at("bn1"), width);
    const rates = dropPathRates(
      dropPathRate,
      layers.reduce((sum, n) => sum + n, 0),
    );
    const Kind = config.block === "basic" ? BasicBlock : Bottleneck;
    let inChannels = width;
    let index = 0;
    this.stages = layers.map((count, s) =>
      Array.from({ length: count }, (_, b) => {
        const block: Block = new Kind(params.at(`layer${s + 1}`).at(b), {
          inChannels,
          width: width * 2 ** s,
          stride: s > 0 && b === 0 ? 2 : 1,
          dropPath: rates[index++] as number,
          zeroInit,
        });
        inChannels = block.outChannels;
        return block;
      }),
    );
    this.numFeatures = inChannels;
    this.reduction = 4 * 2 ** (layers.length - 1);
    this.dropout = new Dropout(params.at("dropout").path, dropRate);
    const built = buildHead(params.at("fc"), inChannels, head);
    this.classifier = built.module;
    this.numClasses = built.numClasses;
  }

  /** [B, H, W, inChans] images, already normalised -> [B, H / 32, W / 32, C] with four stages */
  forwardFeatures(images: Tensor4D, ctx: Context = inference): Tensor4D {
    const name = (s: string) => this.params.at(s).path;
    return tidy(() => {
      let x: Tensor4D = relu(this.bn1.forward(this.conv1.forward(images, ctx), ctx)); // [B, H / 2, W / 2, width]
      ctx.tap(name("relu"), x);
      x = maxPool(x, { kernel: 3, stride: 2, padding: 1 }); // [B, H / 4, W / 4, width]
      ctx.tap(name("maxpool"), x);
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

  resetHead(head: Head, { seed = 0 }: { readonly seed?: number } = {}): ResNet {
    return rebuildOn(this.params, "fc", seed, (params) => {
      return new ResNet(params, typeof head === "number" ? { ...this.config, numClasses: head } : this.config, head);
    });
  }
}
