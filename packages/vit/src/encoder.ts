/**
 * The encoder of the Vision Transformer: "An Image is Worth 16x16 Words", https://arxiv.org/abs/2010.11929.
 * Equation numbers are the paper's. Parameter names are timm's, so its checkpoints load unchanged.
 *
 * Shapes: B images, N tokens (1 class token + patches), D embedDim, H heads, d = D / H.
 */
import {
  buildHead,
  type Context,
  Dropout,
  DropPath,
  dropPathRates,
  type Head,
  LayerNorm,
  Linear,
  type LinearOptions,
  type Module,
  normal,
  type ParamStore,
  type Params,
  truncNormal,
  zeros,
} from "@vitrail/layers";
import {
  add,
  broadcastTo,
  concat,
  gelu,
  matMul,
  mean,
  mul,
  reshape,
  slice,
  softmax,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
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
  /** `"token"`: the class token is the image's features; `"avg"`: the mean of the patches' tokens. Default "token". */
  readonly globalPool?: "token" | "avg";
  /** The last norm comes after pooling, as `fc_norm`, in place of `norm` before it. Default, as in timm: with "avg" alone. */
  readonly fcNorm?: boolean;
  /** Dropout before the classifier, in training. Default 0. */
  readonly dropRate?: number;
  /** Dropout of tokens with their positions, in training. Default 0. */
  readonly posDropRate?: number;
  /** Dropout after each linear layer that ends a branch and within the MLP, in training. Default 0. */
  readonly projDropRate?: number;
  /** Dropout of attention's weights, in training. Default 0. */
  readonly attnDropRate?: number;
  /** Stochastic depth of the last block, in training; grows evenly from 0 at the first. Default 0. */
  readonly dropPathRate?: number;
}

const EPS = 1e-6; // timm's LayerNorm default; torch's own is 1e-5

/** timm's initialisation of every linear layer. */
const linear: LinearOptions = { init: (shape, rng) => truncNormal(0.02)(shape, rng), biasInit: zeros };

/** Multi-head self-attention (appendix A, eq. 5-8). */
export class Attention {
  readonly path: string;
  readonly qkv: Linear;
  readonly proj: Linear;
  readonly attnDrop: Dropout;
  readonly projDrop: Dropout;
  readonly heads: number;

  constructor(
    p: Params,
    dim: number,
    heads: number,
    { attnDropRate = 0, projDropRate = 0 }: Pick<EncoderConfig, "attnDropRate" | "projDropRate"> = {},
  ) {
    if (dim % heads !== 0) throw new RangeError(`embedDim ${dim} is not a multiple of numHeads ${heads}`);
    this.path = p.path;
    this.heads = heads;
    this.qkv = new Linear(p.at("qkv"), dim, 3 * dim, linear);
    this.attnDrop = new Dropout(p.at("attn_drop").path, attnDropRate);
    this.proj = new Linear(p.at("proj"), dim, dim, linear);
    this.projDrop = new Dropout(p.at("proj_drop").path, projDropRate);
  }

  /** [B, N, D] -> [B, N, D] */
  forward(x: Tensor3D, ctx: Context): Tensor3D {
    const [B, N, D] = x.shape;
    const H = this.heads;
    const qkv = reshape(this.qkv.forward(x, ctx), [B, N, 3, H, D / H]);
    const [q, k, v] = unstack(transpose(qkv, [2, 0, 3, 1, 4])) as [Tensor4D, Tensor4D, Tensor4D]; // 3 of [B, H, N, d]
    const scores: Tensor = matMul(mul(q, (D / H) ** -0.5), k, false, true);
    const A = this.attnDrop.forward(softmax(scores), ctx); // eq. 6: [B, H, N, N]
    ctx.tap(this.attnDrop.path, A);
    const y = reshape(transpose(matMul(A, v), [0, 2, 1, 3]), [B, N, D]) as Tensor3D; // heads side by side
    const out = this.projDrop.forward(this.proj.forward(y, ctx), ctx);
    ctx.tap(this.path, out);
    ctx.count?.({ name: this.path, kind: "Attention", outputShape: out.shape, macs: 2 * B * N * N * D });
    return out;
  }
}

/** Two layers with a GELU between. */
export class Mlp {
  readonly path: string;
  readonly fc1: Linear;
  readonly drop1: Dropout;
  readonly fc2: Linear;
  readonly drop2: Dropout;

  constructor(p: Params, dim: number, hidden: number, dropRate = 0) {
    this.path = p.path;
    this.fc1 = new Linear(p.at("fc1"), dim, hidden, linear);
    this.drop1 = new Dropout(p.at("drop1").path, dropRate);
    this.fc2 = new Linear(p.at("fc2"), hidden, dim, linear);
    this.drop2 = new Dropout(p.at("drop2").path, dropRate);
  }

  /** [B, N, D] -> [B, N, D] */
  forward(x: Tensor3D, ctx: Context): Tensor3D {
    const hidden = this.drop1.forward(gelu(this.fc1.forward(x, ctx)), ctx);
    const y = this.drop2.forward(this.fc2.forward(hidden, ctx), ctx);
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

  constructor(p: Params, config: EncoderConfig, dropPath: number) {
    const { embedDim, numHeads, mlpRatio, projDropRate } = config;
    this.path = p.path;
    this.norm1 = new LayerNorm(p.at("norm1"), embedDim, { eps: EPS });
    this.attn = new Attention(p.at("attn"), embedDim, numHeads, config);
    this.dropPath1 = new DropPath(p.at("drop_path1").path, dropPath);
    this.norm2 = new LayerNorm(p.at("norm2"), embedDim, { eps: EPS });
    this.mlp = new Mlp(p.at("mlp"), embedDim, Math.floor(embedDim * mlpRatio), projDropRate);
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

/** timm's rule: with average pooling the last norm comes after it. */
export const hasFcNorm = ({ globalPool, fcNorm = globalPool === "avg" }: EncoderConfig): boolean => fcNorm;

/** Patches to logits: class token, position embeddings, blocks, norm and classifier. */
export class Encoder {
  readonly path: string;
  readonly numClasses: number;
  readonly clsToken: Variable;
  readonly posEmbed: Variable;
  readonly posDrop: Dropout;
  readonly blocks: readonly Block[];
  /** Of all tokens, before pooling (eq. 4); or `fcNorm`, of the pooled features. */
  readonly norm: LayerNorm | undefined;
  readonly fcNorm: LayerNorm | undefined;
  readonly globalPool: "token" | "avg";
  readonly dropout: Dropout;
  readonly head: Module;

  constructor(params: ParamStore, config: EncoderConfig, patches: number, head: Head) {
    const { embedDim: D, depth, dropRate = 0, posDropRate = 0, dropPathRate = 0, globalPool = "token" } = config;
    if (globalPool !== "token" && globalPool !== "avg") {
      throw new RangeError(`globalPool: expected "token" or "avg", found ${JSON.stringify(globalPool)}`);
    }
    this.path = params.path;
    this.globalPool = globalPool;
    this.clsToken = params.get("cls_token", [1, 1, D], { init: normal(1e-6) });
    this.posEmbed = params.get("pos_embed", [1, 1 + patches, D], { init: truncNormal(0.02) });
    this.posDrop = new Dropout(params.at("pos_drop").path, posDropRate);
    const rates = dropPathRates(dropPathRate, depth);
    this.blocks = rates.map((rate, i) => new Block(params.at("blocks").at(i), config, rate));
    const after = hasFcNorm(config);
    this.norm = after ? undefined : new LayerNorm(params.at("norm"), D, { eps: EPS });
    this.fcNorm = after ? new LayerNorm(params.at("fc_norm"), D, { eps: EPS }) : undefined;
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
    let z: Tensor3D = this.posDrop.forward(add(concat([cls, patches], 1), this.posEmbed), ctx); // eq. 1
    ctx.tap(this.posDrop.path, z);
    for (const block of this.blocks) z = block.forward(z, ctx);
    return this.norm ? this.norm.forward(z, ctx) : z;
  }

  /** [B, N, D] -> [B, D]: the class token (eq. 4), or the mean of the others; normalised here where it was not before */
  pool(features: Tensor, ctx: Context): Tensor2D {
    const [B, N, D] = features.shape as [number, number, number];
    const pooled =
      this.globalPool === "token"
        ? reshape(slice(features, [0, 0, 0], [B, 1, D]), [B, D])
        : mean(slice(features, [0, 1, 0], [B, N - 1, D]), 1);
    return (this.fcNorm ? this.fcNorm.forward(pooled, ctx) : pooled) as Tensor2D;
  }
}
