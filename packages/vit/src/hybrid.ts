/**
 * The hybrid of "An Image is Worth 16x16 Words", https://arxiv.org/abs/2010.11929, section 3.1: the patches are cut from
 * the feature map of a convolutional network instead of from the image. Parameter names are timm's HybridEmbed's.
 *
 * Shapes: B images; C channels of the backbone's map; N tokens (1 class token + patches), D embedDim.
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
  type PartSpec,
  rebuildOn,
  scoped,
} from "@vitrail/layers";
import { reshape, type Tensor, type Tensor2D, type Tensor3D, type Tensor4D, tidy } from "@vitrail/tensor";
import { Encoder, type EncoderConfig } from "./encoder.ts";

/** What a hybrid needs of its backbone; a ResNet of `@vitrail/resnet` fits, and so does anything of this shape. */
export interface Backbone {
  /** [B, H, W, 3] images -> [B, h, w, C] */
  forwardFeatures(images: Tensor4D, ctx?: Context): Tensor;
  /** C. */
  readonly numFeatures: number;
  /** Pixels of the image to one of the map: h = ⌈H / reduction⌉. The configuration can say it instead. */
  readonly reduction?: number;
  /** What it learns: becomes part of the hybrid's parameters, under `patch_embed.backbone`. */
  readonly params?: ParamStore;
}

/** A backbone as a model of its own, with the names and the adaptation of its checkpoints. */
export interface BackboneSpec extends PartSpec {
  /** As {@link Backbone.reduction}, known before the backbone is built. */
  readonly reduction?: number;
}

export interface HybridViTConfig extends EncoderConfig {
  /** Side of the image in pixels, or its height and width. */
  readonly imgSize: number | readonly [number, number];
  /** Side of a patch on the backbone's map. */
  readonly patchSize: number;
  /**
   * The spec of a backbone (`resnetBackbone(resnet18, 3)` of `@vitrail/resnet`), a function that builds one from the
   * parameters under `patch_embed.backbone`, or a backbone that exists already, whose variables are then shared.
   */
  readonly backbone: Backbone | BackboneSpec | ((params: ParamStore) => Backbone);
  /** Pixels of the image to one of the backbone's map. Default: what the backbone says. */
  readonly reduction?: number;
}

/** Whether it is a spec and no backbone that exists. */
export const isSpec = (backbone: HybridViTConfig["backbone"]): backbone is BackboneSpec => "build" in backbone;

/** The backbone, from the parameters that lie under its path. */
function buildBackbone(backbone: HybridViTConfig["backbone"], params: ParamStore): Backbone {
  if (isSpec(backbone)) return backbone.build(params, backbone.config as never);
  return typeof backbone === "function" ? backbone(params) : backbone;
}

/** Height and width in patches; undefined where nobody says the backbone's reduction. */
export function hybridGrid(
  { imgSize, patchSize, backbone, reduction }: HybridViTConfig,
  built?: Backbone,
): [number, number] | undefined {
  const ratio = reduction ?? built?.reduction ?? (backbone as { readonly reduction?: number }).reduction;
  if (ratio === undefined) return undefined;
  const [height, width] = typeof imgSize === "number" ? [imgSize, imgSize] : imgSize;
  return [height, width].map((side) => {
    const cells = Math.ceil(side / ratio);
    if (!(cells > 0 && cells % patchSize === 0)) {
      throw new RangeError(`imgSize ${side} gives a map of ${cells}, not a multiple of patchSize ${patchSize}`);
    }
    return cells / patchSize;
  }) as [number, number];
}

/** A Vision Transformer over the feature map of any backbone. */
export class HybridViT extends ImageNetwork<HybridViTConfig> {
  readonly numClasses: number;
  readonly numFeatures: number;
  readonly backbone: Backbone;
  readonly proj: Conv2d;
  readonly encoder: Encoder;
  readonly dropout: Dropout;
  readonly classifier: Module;
  /** Put in front of the backbone's names, where it was built elsewhere. */
  readonly prefix: string | undefined;

  /** `head` stands in for `config.numClasses` where the classifier is no plain linear layer. */
  constructor(params: ParamStore, config: HybridViTConfig, head: Head = config.numClasses) {
    super(params, config);
    const { backbone, patchSize: P, embedDim: D } = config;
    const embed = params.at("patch_embed");
    const inner = embed.at("backbone");
    this.backbone = buildBackbone(backbone, inner);
    const own = this.backbone.params;
    if (own) inner.mount(own); // nothing to do where it was built from `inner`
    this.prefix = own?.path === inner.path ? undefined : inner.path;
    this.proj = new Conv2d(embed.at("proj"), this.backbone.numFeatures, D, P, { stride: P });
    const grid = hybridGrid(config, this.backbone);
    if (!grid) {
      throw new RangeError("the backbone does not say its reduction: give it in the configuration, e.g. reduction: 16");
    }
    this.encoder = new Encoder(params, config, grid[0] * grid[1], head);
    this.dropout = this.encoder.dropout;
    this.classifier = this.encoder.head;
    this.numClasses = this.encoder.numClasses;
    this.numFeatures = D;
  }

  /** [B, H, W, 3] images, already normalised -> [B, N, D] tokens, the class token first */
  forwardFeatures(images: Tensor4D, ctx: Context = inference): Tensor3D {
    return tidy(() => {
      const seen = this.prefix === undefined ? ctx : scoped(ctx, this.prefix);
      const features = this.backbone.forwardFeatures(images, seen) as Tensor4D; // [B, h, w, C]
      ctx.tap(this.params.at("patch_embed").at("backbone").path, features);
      const map = this.proj.forward(features, ctx); // [B, h / P, w / P, D]
      const patches = reshape(map, [map.shape[0], -1, map.shape[3]]) as Tensor3D; // row by row
      ctx.tap(this.params.at("patch_embed").path, patches);
      return this.encoder.forward(patches, ctx);
    });
  }

  /** [B, N, D] -> [B, D], what the classifier sees */
  pool(features: Tensor, ctx: Context = inference): Tensor2D {
    return tidy(() => this.encoder.pool(features, ctx));
  }

  resetHead(head: Head, { seed = 0 }: { readonly seed?: number } = {}): HybridViT {
    return rebuildOn(this.params, "head", seed, (params) => {
      const config = typeof head === "number" ? { ...this.config, numClasses: head } : this.config;
      return new HybridViT(params, config, head);
    });
  }
}
