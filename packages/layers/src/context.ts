import type { Rng, Tensor, Variable } from "@vitrail/tensor";

/** What a layer tells {@link Context.count} about one call. */
export interface LayerCall {
  /** The layer's path, as in the checkpoint. */
  readonly name: string;
  /** The layer's class, e.g. `"Conv2d"`. */
  readonly kind: string;
  /** Shape of what it returned, batch included. */
  readonly outputShape: readonly number[];
  /** Multiply-accumulates of the whole batch, counted as fvcore and timm do. */
  readonly macs: number;
}

/**
 * Everything that a forward pass may know or leave behind besides its result. There is no other hidden state, so one
 * function runs eagerly and traced.
 */
export interface Context {
  /** True: BatchNorm uses the batch's statistics, Dropout and DropPath draw. */
  readonly training: boolean;
  /** This step's random numbers; each layer derives its own stream from its path. */
  readonly rng?: Rng | undefined;
  /** Called with every intermediate result, under its torch module path. The tensor dies with the pass unless kept. */
  tap(name: string, value: Tensor): void;
  /** Called with a buffer's new value (BatchNorm's running statistics). The value dies with the pass. */
  update(buffer: Variable, value: Tensor): void;
  /** Called once per layer with its cost; see `summarize`. */
  count?(call: LayerCall): void;
  /** Whether the module at a path stays as it is while others train: its BatchNorm then normalises by its running statistics. */
  frozen?(path: string): boolean;
}

/** The default: inference, nothing observed. */
export const inference: Context = { training: false, tap() {}, update() {} };

/**
 * A context for training: running statistics are written at once, random layers draw from `rng`.
 * Give every step its own stream, e.g. `createRng(seed).at(step)`.
 */
export function trainingContext(rng?: Rng): Context {
  return { training: true, rng, tap() {}, update: (buffer, value) => buffer.assign(value) };
}

/** `context` as seen by a module that was built elsewhere and now lives under `prefix`: its names get the prefix. */
export function scoped(context: Context, prefix: string): Context {
  const name = (inner: string) => (inner === "" ? prefix : `${prefix}.${inner}`);
  const { count, frozen } = context;
  return {
    training: context.training,
    rng: context.rng?.at(prefix),
    tap: (inner, value) => context.tap(name(inner), value),
    update: (buffer, value) => context.update(buffer, value),
    ...(frozen ? { frozen: (inner: string) => frozen.call(context, name(inner)) } : {}),
    ...(count ? { count: (call: LayerCall) => count.call(context, { ...call, name: name(call.name) }) } : {}),
  };
}

/** The random stream of the layer at `path`. */
export function streamOf(context: Context, path: string): Rng {
  if (!context.rng) {
    throw new Error(
      `${path || "the model"} drops at random in training and needs numbers: pass a context with rng, ` +
        "e.g. trainingContext(createRng(seed).at(step))",
    );
  }
  return context.rng.at(path);
}
