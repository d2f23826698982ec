/**
 * Vision Transformer: "An Image is Worth 16x16 Words", https://arxiv.org/abs/2010.11929.
 * Equation numbers are the paper's. Parameter names are timm's, so its checkpoints load unchanged.
 *
 * Shapes: B images, N tokens (1 class token + patches), D embedDim, H heads, d = D / H.
 */
import {
  buildHead,
  type Context,
  Conv2d,
  collectIntermediates,
  Dropout,
  DropPath,
  dropPathRates,
  type Head,
  type ImageModel,
  inference,
  LayerNorm,
  Linear,
  type LinearOptions,
  type Module,
  normal,
  type ParamStore,
  type Params,
  rebuildOn,
  truncNormal,
  zeros,
} from "@vitrail/layers";
import {
  add,
  broadcastTo,
  concat,
  gelu,
  matMul,
  mul,
  reshape,
  slice,
  softmax,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  tidy,
  transpose,
  unstack,
  type Variable,
} from "@vitrail/tensor";

/** The transformer's sizes, whatever its patches are. */
export interface EncoderConfig {
  readonly embedDim: number;
  /** Blocks. */
  readonly depth: number;
  readonly numHeads: number;
  /** Width of a block's MLP over embedDim. */
  readonly mlpRatio: number;
  /** 0: no classifier. */
  readonly numClasses: number;
  /** Dropout before the classifier, in training. Default 0. */
  readonly dropRate?: number;
  /** Stochastic depth of the last block, in training; grows evenly from 0 at the first. Default 0. */
  readonly dropPathRate?: number;
}

export interface ViTConfig extends EncoderConfig {
  /** Side of the image in pixels, or its height and width. */
  readonly imgSize: number | readonly [number, number];
  /** Side of a patch in pixels; divides imgSize. */
  readonly patchSize: number;
}

const EPS = 1e-6; // timm's LayerNorm default; torch's own is 1e-5

/** timm's initialisation of every linear layer. */
const linear: LinearOptions = { init: (shape, rng) => truncNormal(0.02)(shape, rng), biasInit: zeros };

/** Multi-head self-attention (appendix A, eq. 5-8). */
export class Attention {
  readonly path: string;
  readonly qkv: Linear;
  readonly proj: Linear;
  readonly heads: number;

  constructor(p: Params, dim: number, heads: number) {
    if (dim % heads !== 0) throw new RangeError(`embedDim ${dim} is not a multiple of numHeads ${heads}`);
    this.path = p.path;
    this.heads = heads;
    this.qkv = new Linear(p.at("qkv"), dim, 3 * dim, linear);
    this.proj = new Linear(p.at("proj"), dim, dim, linear);
  }

  /** [B, N, D] -> [B, N, D] */
  forward(x: Tensor3D, ctx: Context): Tensor3D {
    const [B, N, D] = x.shape;
    const H = this.heads;
    const qkv = reshape(this.qkv.forward(x, ctx), [B, N, 3, H, D / H]);
    const [q, k, v] = unstack(transpose(qkv, [2, 0, 3, 1, 4])) as [Tensor4D, Tensor4D, Tensor4D]; // 3 of [B, H, N, d]
    const scores: Tensor = matMul(mul(q, (D / H) ** -0.5), k, false, true);
    const A = softmax(scores); // eq. 6: [B, H, N, N]
    ctx.tap(`${this.path}.attn_drop`, A);
    const y = reshape(transpose(matMul(A, v), [0, 2, 1, 3]), [B, N, D]) as Tensor3D; // heads side by side
    const out = this.proj.forward(y, ctx);
    ctx.tap(this.path, out);
    ctx.count?.({ name: this.path, kind: "Attention", outputShape: out.shape, macs: 2 * B * N * N * D });
    return out;
  }
}

/** Two layers with a GELU between. */
export class Mlp {
  readonly path: string;
  readonly fc1: Linear;
  readonly fc2: Linear;

  constructor(p: Params, dim: number, hidden: number) {
    this.path = p.path;
    this.fc1 = new Linear(p.at("fc1"), dim, hidden, linear);
    this.fc2 = new Linear(p.at("fc2"), hidden, dim, linear);
  }

  /** [B, N, D] -> [B, N, D] */
  forward(x: Tensor3D, ctx: Context): Tensor3D {
    const y = this.fc2.forward(gelu(this.fc1.forward(x, ctx)), ctx);
    ctx.tap(this.path, y);
    return y;
  }
}

/** One pre-norm encoder block (eq. 2 and 3). */
export class Block {
  readonly path: string;
  readonly norm1: LayerNorm;
  readonly attn: Attention;
  readonly dropPath1: DropPath;
  readonly norm2: LayerNorm;
  readonly mlp: Mlp;
  readonly dropPath2: DropPath;

  constructor(p: Params, { embedDim, numHeads, mlpRatio }: EncoderConfig, dropPath: number) {
    this.path = p.path;
    this.norm1 = new LayerNorm(p.at("norm1"), embedDim, { eps: EPS });
    this.attn = new Attention(p.at("attn"), embedDim, numHeads);
    this.dropPath1 = new DropPath(p.at("drop_path1").path, dropPath);
    this.norm2 = new LayerNorm(p.at("norm2"), embedDim, { eps: EPS });
    this.mlp = new Mlp(p.at("mlp"), embedDim, Math.floor(embedDim * mlpRatio));
    this.dropPath2 = new DropPath(p.at("drop_path2").path, dropPath);
  }

  /** [B, N, D] -> [B, N, D] */
  forward(z: Tensor3D, ctx: Context): Tensor3D {
    const attended = this.attn.forward(this.norm1.forward(z, ctx), ctx);
    const y: Tensor3D = add(z, this.dropPath1.forward(attended, ctx)); // eq. 2
    const out: Tensor3D = add(y, this.dropPath2.forward(this.mlp.forward(this.norm2.forward(y, ctx), ctx), ctx)); // eq. 3
    ctx.tap(this.path, out);
    return out;
  }
}

/** Patches to logits: class token, position embeddings, blocks, norm and classifier. */
export class Encoder {
  readonly path: string;
  readonly numClasses: number;
  readonly clsToken: Variable;
  readonly posEmbed: Variable;
  readonly blocks: readonly Block[];
  readonly norm: LayerNorm;
  readonly dropout: Dropout;
  readonly head: Module;

  constructor(params: ParamStore, config: EncoderConfig, patches: number, head: Head) {
    const { embedDim: D, depth, dropRate = 0, dropPathRate = 0 } = config;
    this.path = params.path;
    this.clsToken = params.get("cls_token", [1, 1, D], { init: normal(1e-6) });
    this.posEmbed = params.get("pos_embed", [1, 1 + patches, D], { init: truncNormal(0.02) });
    const rates = dropPathRates(dropPathRate, depth);
    this.blocks = rates.map((rate, i) => new Block(params.at("blocks").at(i), config, rate));
    this.norm = new LayerNorm(params.at("norm"), D, { eps: EPS });
    this.dropout = new Dropout(params.at("head_drop").path, dropRate);
    const built = buildHead(params.at("head"), D, head, linear);
    this.head = built.module;
    this.numClasses = built.numClasses;
  }

  /** [B, N - 1, D] patches, row by row -> [B, N, D] */
  forward(patches: Tensor3D, ctx: Context): Tensor3D {
    const [B, count, D] = patches.shape;
    const N = this.posEmbed.shape[1] as number;
    if (count + 1 !== N) {
      throw new RangeError(`expected ${N - 1} patches, found ${count}: build the model with the image size in use`);
    }
    const cls = broadcastTo(this.clsToken as Tensor, [B, 1, D]) as Tensor3D;
    let z: Tensor3D = add(concat([cls, patches], 1), this.posEmbed); // eq. 1
    ctx.tap(this.path === "" ? "pos_drop" : `${this.path}.pos_drop`, z);
    for (const block of this.blocks) z = block.forward(z, ctx);
    return this.norm.forward(z, ctx);
  }

  /** [B, N, D] -> [B, D]: the class token (eq. 4; the norm is applied to all tokens before) */
  pool(features: Tensor): Tensor2D {
    const [B, , D] = features.shape as [number, number, number];
    return reshape(slice(features, [0, 0, 0], [B, 1, D]), [B, D]);
  }

  /** [B, N, D] -> [B, numClasses] */
  classify(features: Tensor, ctx: Context, preLogits: boolean): Tensor2D {
    const y = this.dropout.forward(this.pool(features), ctx);
    return (preLogits ? y : this.head.forward(y, ctx)) as Tensor2D;
  }
}

/** Height and width in patches. */
function gridOf({ imgSize, patchSize }: ViTConfig): [number, number] {
  const [height, width] = typeof imgSize === "number" ? [imgSize, imgSize] : imgSize;
  for (const side of [height, width]) {
    if (!(side > 0 && side % patchSize === 0)) {
      throw new RangeError(`imgSize ${side} is not a multiple of patchSize ${patchSize}`);
    }
  }
  return [height / patchSize, width / patchSize];
}

/** A Vision Transformer that classifies by its class token. */
export class ViT implements ImageModel {
  readonly params: ParamStore;
  readonly config: ViTConfig;
  readonly numClasses: number;
  readonly numFeatures: number;
  readonly patchEmbed: Conv2d;
  readonly encoder: Encoder;

  /** `head` stands in for `config.numClasses` where the classifier is no plain linear layer. */
  constructor(params: ParamStore, config: ViTConfig, head: Head = config.numClasses) {
    const [rows, columns] = gridOf(config);
    const { embedDim: D, patchSize: P } = config;
    this.params = params;
    this.config = config;
    this.patchEmbed = new Conv2d(params.at("patch_embed").at("proj"), 3, D, P, { stride: P });
    this.encoder = new Encoder(params, config, rows * columns, head);
    this.numClasses = this.encoder.numClasses;
    this.numFeatures = D;
  }

  /** [B, H, W, 3] images, already normalised -> [B, N, D] tokens, the class token first */
  forwardFeatures(images: Tensor4D, ctx: Context = inference): Tensor3D {
    return tidy(() => {
      const map = this.patchEmbed.forward(images, ctx); // [B, H / P, W / P, D]
      const patches = reshape(map, [map.shape[0], -1, map.shape[3]]) as Tensor3D; // row by row
      ctx.tap(this.params.at("patch_embed").path, patches);
      return this.encoder.forward(patches, ctx);
    });
  }

  /** [B, N, D] -> [B, D], the class token */
  pool(features: Tensor): Tensor2D {
    return tidy(() => this.encoder.pool(features));
  }

  /** [B, N, D] -> [B, numClasses] */
  forwardHead(
    features: Tensor,
    ctx: Context = inference,
    { preLogits = false }: { readonly preLogits?: boolean } = {},
  ): Tensor2D {
    return tidy(() => this.encoder.classify(features, ctx, preLogits));
  }

  /** [B, H, W, 3] images, already normalised -> [B, numClasses] logits */
  forward(images: Tensor4D, ctx: Context = inference): Tensor2D {
    return tidy(() => this.forwardHead(this.forwardFeatures(images, ctx), ctx));
  }

  intermediates(images: Tensor4D, names: readonly string[]): Record<string, Tensor> {
    return collectIntermediates((ctx) => this.forward(images, ctx), names);
  }

  resetHead(head: Head, { seed = 0 }: { readonly seed?: number } = {}): ViT {
    return rebuildOn(this.params, "head", seed, (params) => {
      return new ViT(params, typeof head === "number" ? { ...this.config, numClasses: head } : this.config, head);
    });
  }

  dispose(): void {
    this.params.dispose();
  }
}
