/**
 * Vision Transformer: "An Image is Worth 16x16 Words", https://arxiv.org/abs/2010.11929, with a plain linear embedding of
 * the image's patches; the blocks are in encoder.ts. Parameter names are timm's, so its checkpoints load unchanged.
 *
 * Shapes: B images, N tokens (1 class token + patches), D embedDim, P patchSize.
 */
import {
  type Context,
  Conv2d,
  type Dropout,
  type Head,
  ImageNetwork,
  inference,
  type Module,
  type ParamStore,
  rebuildOn,
} from "@vitrail/layers";
import { reshape, type Tensor, type Tensor2D, type Tensor3D, type Tensor4D, tidy } from "@vitrail/tensor";
import { Encoder, type EncoderConfig } from "./encoder.ts";

export interface ViTConfig extends EncoderConfig {
  /** Side of the image in pixels, or its height and width. */
  readonly imgSize: number | readonly [number, number];
  /** Side of a patch in pixels; divides imgSize. */
  readonly patchSize: number;
  /** Channels of the image. Default 3. */
  readonly inChans?: number;
}

/** Height and width in patches. */
export function gridOf({ imgSize, patchSize }: ViTConfig): [number, number] {
  const [height, width] = typeof imgSize === "number" ? [imgSize, imgSize] : imgSize;
  for (const side of [height, width]) {
    if (!(side > 0 && side % patchSize === 0)) {
      throw new RangeError(`imgSize ${side} is not a multiple of patchSize ${patchSize}`);
    }
  }
  return [height / patchSize, width / patchSize];
}

/** A Vision Transformer that classifies by its class token, or by the mean of its patches. */
export class ViT extends ImageNetwork<ViTConfig> {
  readonly numClasses: number;
  readonly numFeatures: number;
  readonly patchEmbed: Conv2d;
  readonly encoder: Encoder;
  readonly dropout: Dropout;
  readonly classifier: Module;

  /** `head` stands in for `config.numClasses` where the classifier is no plain linear layer. */
  constructor(params: ParamStore, config: ViTConfig, head: Head = config.numClasses) {
    super(params, config);
    const [rows, columns] = gridOf(config);
    const { embedDim: D, patchSize: P, inChans = 3 } = config;
    this.patchEmbed = new Conv2d(params.at("patch_embed").at("proj"), inChans, D, P, { stride: P });
    this.encoder = new Encoder(params, config, rows * columns, head);
    this.dropout = this.encoder.dropout;
    this.classifier = this.encoder.head;
    this.numClasses = this.encoder.numClasses;
    this.numFeatures = D;
  }

  /** [B, H, W, inChans] images, already normalised -> [B, N, D] tokens, the class token first */
  forwardFeatures(images: Tensor4D, ctx: Context = inference): Tensor3D {
    return tidy(() => {
      const map = this.patchEmbed.forward(images, ctx); // [B, H / P, W / P, D]
      const patches = reshape(map, [map.shape[0], -1, map.shape[3]]) as Tensor3D; // row by row
      ctx.tap(this.params.at("patch_embed").path, patches);
      return this.encoder.forward(patches, ctx);
    });
  }

  /** [B, N, D] -> [B, D], what the classifier sees */
  pool(features: Tensor, ctx: Context = inference): Tensor2D {
    return tidy(() => this.encoder.pool(features, ctx));
  }

  resetHead(head: Head, { seed = 0 }: { readonly seed?: number } = {}): ViT {
    return rebuildOn(this.params, "head", seed, (params) => {
      return new ViT(params, typeof head === "number" ? { ...this.config, numClasses: head } : this.config, head);
    });
  }
}
