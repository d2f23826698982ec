import { clone, keep, type StateDict, type Tensor, type Tensor2D, type Tensor4D, tidy, zeros } from "@vitrail/tensor";
import { classesIn } from "./adapt.ts";
import { type Context, inference, scoped } from "./context.ts";
import { Linear, type LinearOptions } from "./linear.ts";
import { type Head, Identity, type Module } from "./module.ts";
import { initParams, loadParams, type ParamStore, shareParams } from "./params.ts";
import type { ModelSpec } from "./spec.ts";

/**
 * An image classifier. Images are [B, H, W, 3] floats, already normalised.
 *
 * Memory: the model owns its variables (or shares them, after `resetHead`) until `dispose()`; each method returns its
 * result and leaves nothing else.
 */
export interface ImageModel {
  readonly params: ParamStore;
  /** Length of the answer; 0 where there is no classifier and `forward` gives the pooled features. */
  readonly numClasses: number;
  /** Length of the pooled features. */
  readonly numFeatures: number;
  /** Images -> the last feature map [B, h, w, C] or tokens [B, N, D]. */
  forwardFeatures(x: Tensor4D, ctx?: Context): Tensor;
  /** Features -> one vector an image, [B, numFeatures]. */
  pool(features: Tensor, ctx?: Context): Tensor2D;
  /** Features -> logits [B, numClasses]; with `preLogits` what the classifier would see, [B, numFeatures]. */
  forwardHead(features: Tensor, ctx?: Context, options?: { readonly preLogits?: boolean }): Tensor2D;
  /** Images -> logits [B, numClasses]. */
  forward(x: Tensor4D, ctx?: Context): Tensor2D;
  /** The results of the named modules (torch's module paths), the caller's to dispose. An unknown name is a RangeError. */
  intermediates(x: Tensor4D, names: readonly string[]): Record<string, Tensor>;
  /** A new model that shares this one's variables except the classifier's. Either can be disposed first. */
  resetHead(head: Head, options?: { readonly seed?: number }): ImageModel;
  /** Frees the variables that no other model shares. */
  dispose(): void;
}

/** Builds a model with new weights, the same for the same `seed`. */
export function createModel<C, M extends ImageModel>(
  spec: ModelSpec<C, M>,
  {
    seed = 0,
    numClasses,
    config,
  }: { readonly seed?: number; readonly numClasses?: number; readonly config?: Partial<C> } = {},
): M {
  return construct(initParams(seed), (params) => spec.build(params, configOf(spec, config, numClasses)));
}

/** How {@link loadModel} treats what differs. */
export interface LoadOptions<C> {
  /** The number of classes wanted. A classifier of another size in the checkpoint gives way to a new one. */
  readonly numClasses?: number | undefined;
  /** Told once, in one sentence, when the classifier is new. */
  readonly onFreshHead?: ((message: string) => void) | undefined;
  /** Differences from the spec's own configuration. */
  readonly config?: Partial<C> | undefined;
  /** Seeds a new classifier. Default 0. */
  readonly seed?: number | undefined;
  /** Names in the checkpoint to pass over, e.g. of the stages that a cut model lacks. */
  readonly ignore?: ((name: string) => boolean) | undefined;
  /** Names that start anew, whether the checkpoint has them or not: what joins two pretrained parts, say. */
  readonly fresh?: ((name: string) => boolean) | undefined;
}

/**
 * Builds a model from a checkpoint. What `config` and `numClasses` say differently than the checkpoint is adapted as timm
 * does it (see `ModelSpec.adapt`); all else is strict: a name too many, too few or of another shape is one error that lists
 * all.
 * @throws an Error with code "checkpoint-mismatch"
 * @example
 * loadModel(vit_tiny_patch16_224, dict, { config: { imgSize: [96, 160], inChans: 1 }, numClasses: 4 })
 */
export function loadModel<C, M extends ImageModel>(
  spec: ModelSpec<C, M>,
  dict: StateDict,
  { numClasses, onFreshHead, config, seed = 0, ignore, fresh = () => false }: LoadOptions<C> = {},
): M {
  const wanted = configOf(spec, config, numClasses);
  const adapted = spec.adapt?.(dict, { config: wanted, from: spec.config, changes: config ?? {} }) ?? dict;
  const found = classesIn(adapted, spec.head);
  const newHead = numClasses !== undefined && numClasses !== found;
  const isNew = (name: string) => fresh(name) || (newHead && name.startsWith(`${spec.head}.`));
  const params = loadParams(adapted, { seed, fresh: isNew });
  const model = construct(params, (p) => spec.build(p, wanted), ignore ? { ignore } : {});
  if (newHead && numClasses > 0) {
    const had = found === undefined ? "no classifier" : `a classifier of ${found} classes`;
    onFreshHead?.(
      `${spec.name}: the checkpoint has ${had}; ${spec.head} is new and untrained, with ${numClasses} classes`,
    );
  }
  return model;
}

function configOf<C, M extends ImageModel>(
  spec: ModelSpec<C, M>,
  changes: Partial<C> | undefined,
  numClasses: number | undefined,
): C {
  const config = { ...spec.config, ...changes };
  return numClasses === undefined ? config : spec.withClasses(config, numClasses);
}

/** Builds a model and checks that the store was read fully; on any error the store's memory is given back. */
export function construct<M>(
  store: ParamStore,
  build: (params: ParamStore) => M,
  options: { readonly ignore?: (name: string) => boolean } = {},
): M {
  try {
    const model = build(store);
    store.assertAllRead(options);
    return model;
  } catch (error) {
    store.dispose();
    throw error;
  }
}

/** For a model's `resetHead`: builds one on this model's variables, all but those under `head`. */
export function rebuildOn<M>(params: ParamStore, head: string, seed: number, build: (params: ParamStore) => M): M {
  const fresh = (name: string) => name === head || name.startsWith(`${head}.`);
  return construct(shareParams(params, { fresh, seed }), build);
}

/** For a model's constructor: the classifier and the length of its answer. */
export function buildHead(
  params: ParamStore,
  numFeatures: number,
  head: Head,
  linear: LinearOptions = {},
): { readonly module: Module; readonly numClasses: number } {
  if (typeof head === "number") {
    if (!Number.isInteger(head) || head < 0) throw new RangeError(`numClasses: expected 0, 1, 2, …, found ${head}`);
    const module: Module = head === 0 ? new Identity() : new Linear(params, numFeatures, head, linear);
    return { module, numClasses: head };
  }
  const module = typeof head === "function" ? head(params, numFeatures) : adopt(params, head);
  return { module, numClasses: lengthOfAnswer(module, numFeatures) };
}

/** A module that was built elsewhere: its parameters become the model's too, its names get the path in front. */
export function adopt(params: ParamStore, module: Module): Module {
  if (module.params) params.mount(module.params);
  return { forward: (x, ctx = inference) => module.forward(x, scoped(ctx, params.path)) };
}

function lengthOfAnswer(module: Module, numFeatures: number): number {
  return tidy(() => {
    const { shape } = module.forward(zeros([1, numFeatures]));
    if (shape.length !== 2) {
      throw new RangeError(`the head: expected [B, classes] from [B, ${numFeatures}], found [${shape.join(", ")}]`);
    }
    return shape[1] as number;
  });
}

/** For a model's `intermediates`: runs `forward` and returns what it tapped under `names`. */
export function collectIntermediates(
  forward: (ctx: Context) => Tensor,
  names: readonly string[],
): Record<string, Tensor> {
  const wanted = new Set(names);
  const seen = new Set<string>();
  const kept = new Map<string, Tensor>();
  try {
    tidy(() => {
      forward({
        ...inference,
        tap(name, value) {
          seen.add(name);
          if (wanted.has(name) && !kept.has(name)) kept.set(name, keep(clone(value)));
        },
      });
    });
    const unknown = names.filter((name) => !seen.has(name));
    if (unknown.length > 0) {
      throw new RangeError(`no intermediate ${unknown.join(", ")}; this model has ${[...seen].join(", ")}`);
    }
    // Cloned out here, so that a tidy around the call owns them as it owns any result.
    return Object.fromEntries(names.map((name) => [name, clone(kept.get(name) as Tensor)]));
  } finally {
    for (const value of kept.values()) value.dispose();
  }
}
