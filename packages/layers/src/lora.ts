/**
 * LoRA: "Low-Rank Adaptation of Large Language Models", https://arxiv.org/abs/2106.09685. The weights stay as they are;
 * beside each chosen linear layer two thin ones learn what is added to its answer:
 *
 *     y = W x + (α / r) B A x   with A [r, in], B [out, r]
 */
import { mul, type NamedTensor, type StateDict, type Tensor2D } from "@vitrail/tensor";
import { derivedTensor } from "./adapt.ts";
import type { Context } from "./context.ts";
import { kaimingUniform, zeros } from "./init.ts";
import { Linear } from "./linear.ts";
import { construct, type ImageModel } from "./model.ts";
import { type LowRank, loadParams, type ParamStore, type Params, shareParams } from "./params.ts";
import { Dropout } from "./regularize.ts";
import type { ModelSpec } from "./spec.ts";

export interface LoraOptions {
  /** r. Default 8. */
  readonly rank?: number;
  /** α: the update counts α / r. Default: twice the rank. */
  readonly alpha?: number;
  /**
   * Which linear layers: last parts of their paths, or a function of the path. Default `["qkv", "proj", "fc1", "fc2"]`, all of
   * a transformer's: https://arxiv.org/abs/2305.14314 finds that to matter more than the rank. Never the classifier.
   */
  readonly targets?: readonly string[] | ((path: string) => boolean);
  /** What else trains besides A, B and the classifier, by name: a fusion's gate, a hybrid's new patches. Default: nothing. */
  readonly alsoTrain?: (name: string) => boolean;
  /** Dropout of what A sees, in training. Default 0. */
  readonly dropRate?: number;
  /** Seeds A. Default 0. */
  readonly seed?: number;
  /** A and B as `lora.model.params.stateDict()` holds them, to go on from; other names are passed over. Default: new ones. */
  readonly from?: StateDict;
}

/** A model with low-rank updates. */
export interface Lora<M extends ImageModel> {
  /** Shares the weights of the model it was made of; has A and B besides, as `….lora_A.weight` and `….lora_B.weight`. */
  readonly model: M;
  /** The layers that have an update. */
  readonly targets: readonly string[];
  /** For `compileStep`: all but A, B, the classifier and what `alsoTrain` says. */
  frozen(name: string): boolean;
  /** A checkpoint of the plain model, W + (α / r) B A in place of W. Values are read when asked for. */
  merge(): StateDict;
}

const A = "lora_A";
const B = "lora_B";
const isOfLora = (name: string) => name.endsWith(`.${A}.weight`) || name.endsWith(`.${B}.weight`);

/** (α / r) B A x. A starts as in PEFT and the paper's code (Kaiming's, even), B at zero: at first nothing changes. */
class Update implements LowRank {
  readonly dropout: Dropout;
  readonly a: Linear;
  readonly b: Linear;
  readonly scale: number;

  constructor(p: Params, inDim: number, outDim: number, rank: number, scale: number, dropRate: number) {
    this.dropout = new Dropout(p.at("lora_dropout").path, dropRate);
    this.a = new Linear(p.at(A), inDim, rank, { bias: false, init: kaimingUniform() });
    this.b = new Linear(p.at(B), rank, outDim, { bias: false, init: zeros });
    this.scale = scale;
  }

  /** [n, in] -> [n, out] */
  forward(x: Tensor2D, ctx: Context): Tensor2D {
    return mul(this.b.forward(this.a.forward(this.dropout.forward(x, ctx), ctx), ctx), this.scale);
  }
}

/**
 * A new model on `model`'s weights with a low-rank update beside each chosen linear layer. Either can be disposed first.
 *
 * @throws RangeError where no layer is chosen, with the linear layers there are
 * @example
 * const lora = addLora(vit_tiny_patch16_224, model, { rank: 8 });
 * const step = await compileStep({ model: lora.model, loss, optimizer, frozen: lora.frozen }, { batch: 16 });
 * // … then, after step.pull():
 * const trained = loadModel(vit_tiny_patch16_224, lora.merge());
 */
export function addLora<C, M extends ImageModel & { readonly config: C }>(
  spec: ModelSpec<C, M>,
  model: M,
  options: LoraOptions = {},
): Lora<M> {
  const { rank = 8, alpha = 2 * rank, targets = ["qkv", "proj", "fc1", "fc2"] } = options;
  const { dropRate = 0, seed = 0, from, alsoTrain = () => false } = options;
  if (!Number.isInteger(rank) || rank < 1) throw new RangeError(`rank: expected 1, 2, 3, …, found ${rank}`);
  if (!Number.isFinite(alpha)) throw new RangeError(`alpha: expected a number, found ${alpha}`);
  const isHead = (path: string) => path === spec.head || path.startsWith(`${spec.head}.`);
  const isWanted =
    typeof targets === "function" ? targets : (path: string) => targets.includes(path.split(".").at(-1) ?? "");
  const linear: string[] = [];
  const chosen: string[] = [];
  const lowRank = (p: Params, inDim: number, outDim: number) => {
    if (isOfLora(`${p.path}.weight`) || isHead(p.path)) return undefined;
    if (!linear.includes(p.path)) linear.push(p.path);
    if (!isWanted(p.path)) return undefined;
    if (!chosen.includes(p.path)) chosen.push(p.path);
    return new Update(p, inDim, outDim, rank, alpha / rank, dropRate);
  };
  const store = shareParams(model.params, { fresh: isOfLora, seed, lowRank });
  const adapted = construct(store, (params) => {
    const built = spec.build(params, model.config);
    if (chosen.length === 0) {
      const there = linear.length > 0 ? linear.join(", ") : "none but the classifier";
      throw new RangeError(`targets: no linear layer is chosen; this model has ${there}`);
    }
    if (from) restore(params, from);
    return built;
  });
  return {
    model: adapted,
    targets: chosen,
    frozen: (name) => !isOfLora(name) && !isHead(name) && !alsoTrain(name),
    merge: () => merged(adapted.params.stateDict(), alpha / rank),
  };
}

/** Puts the values of a checkpoint into A and B, strictly: all of them, in their shapes. */
function restore(store: ParamStore, from: StateDict): void {
  const ours = [...store.named()].filter(([name]) => isOfLora(name));
  const loaded = loadParams(new Map([...from].filter(([name]) => isOfLora(name))));
  try {
    for (const [name, { variable, checkpointShape, permute }] of ours) {
      const value = loaded.get(name, checkpointShape, { init: zeros, ...(permute ? { permute } : {}) });
      if (value.size === variable.size) variable.assign(value);
    }
    loaded.assertAllRead();
  } finally {
    loaded.dispose();
  }
}

/** Every pair A, B multiplied into its weight. */
function merged(dict: StateDict, scale: number): StateDict {
  const plain = [...dict].filter(([name]) => !isOfLora(name));
  return new Map(
    plain.map(([name, weight]) => {
      const layer = name.slice(0, name.lastIndexOf("."));
      const [a, b] = [dict.get(`${layer}.${A}.weight`), dict.get(`${layer}.${B}.weight`)];
      return [name, a && b && name.endsWith(".weight") ? sum(weight, a, b, scale) : weight];
    }),
  );
}

/** W + scale B A, added up in double precision. */
function sum(weight: NamedTensor, a: NamedTensor, b: NamedTensor, scale: number): NamedTensor {
  const [rank, inDim] = a.shape as [number, number];
  return derivedTensor(weight.shape, () => {
    const [w, av, bv] = [weight.float32(), a.float32(), b.float32()];
    return w.map((value, i) => {
      const [row, column] = [Math.floor(i / inDim), i % inDim];
      let update = 0;
      for (let k = 0; k < rank; k++) update += (bv[row * rank + k] as number) * (av[k * inDim + column] as number);
      return value + scale * update;
    });
  });
}
