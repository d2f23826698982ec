/** A training step as one function of tensors: forward, loss, gradients, clipping and the optimiser's update. */
import type { Context, ParamStore } from "@vitrail/layers";
import {
  add,
  clone,
  div,
  keep,
  minimum,
  mul,
  type Rng,
  type Scalar,
  sqrt,
  square,
  sum,
  type Tensor,
  type Tensor4D,
  type Variable,
  variableGrads,
  where,
} from "@vitrail/tensor";
import { apart, bundle, join } from "./bundles.ts";
import { JitError } from "./errors.ts";
import type { InputSpec } from "./trace.ts";

/** What a step needs of a model: an ImageModel fits. */
export interface Trainable {
  readonly params: ParamStore;
  forward(x: Tensor4D, ctx?: Context): Tensor;
}

/** What a step needs of an optimiser: those of `@vitrail/train` fit. */
export interface StepOptimizer {
  readonly lr: number;
  readonly slots: readonly string[];
  readonly groupOf: (name: string, shape: readonly number[]) => object;
  /** A value's update depends on that value's own gradient and slots only: several parameters may be updated as one. */
  readonly pointwise?: boolean;
  scalars(step: number, lr: number, group: object): Readonly<Record<string, number>>;
  update(
    parameter: Tensor,
    gradient: Tensor,
    slots: Readonly<Record<string, Tensor>>,
    scalars: Readonly<Record<string, Tensor>>,
  ): { readonly parameter: Tensor; readonly slots: Readonly<Record<string, Tensor>> };
  /** What is remembered of each buffer that the forward pass moves (BatchNorm's statistics), from its new value. */
  readonly buffers?: {
    readonly slots: readonly string[];
    update(
      value: Tensor,
      slots: Readonly<Record<string, Tensor>>,
      scalars: Readonly<Record<string, Tensor>>,
    ): Readonly<Record<string, Tensor>>;
  };
}

/** (logits, target, further inputs) -> a scalar. */
export type StepLoss = (logits: never, target: never, extras: Readonly<Record<string, Tensor>>) => Tensor;

export interface StepPlan {
  readonly model: Trainable;
  readonly loss: StepLoss;
  readonly optimizer: StepOptimizer;
  /** Names of parameters that stay as they are. Their values are state: pushed, never compiled in. */
  readonly frozen?: (name: string) => boolean;
}

/** One parameter or buffer of the model as the step sees it. */
export interface StateEntry {
  readonly name: string;
  readonly variable: Variable;
  readonly trained: boolean;
  /** Which of the groups of scalars it follows. */
  readonly group: number;
  /** What is remembered of it from step to step: the optimiser's slots, and the gradients so far. */
  readonly slots: readonly string[];
}

export interface StepShape {
  readonly entries: readonly StateEntry[];
  /** The distinct groups; each has scalars of its own. */
  readonly groups: readonly object[];
  readonly scalarNames: readonly string[];
  /** Gradients of several batches are summed before the optimiser sees them. */
  readonly accumulate: boolean;
}

/** The slot that holds the gradients of the batches since the last update. */
const SUM = "gradient_sum";

export const slotName = (slot: string, name: string): string => `${slot}:${name}`;
export const scalarName = (group: number, scalar: string): string => `${scalar}:${group}`;
export const parameterName = (name: string): string => `param:${name}`;
export const nextName = (input: string): string => `next.${input}`;

/** Sorts the model's variables: what is trained, in which group, what is a buffer. */
export function shapeOfStep({ model, optimizer, frozen = () => false }: StepPlan, accumulate: boolean): StepShape {
  const groups: object[] = [];
  const keys: string[] = [];
  const slots = [...optimizer.slots, ...(accumulate ? [SUM] : [])];
  const entries = [...model.params.named()].map(([name, { variable, trainable, checkpointShape }]): StateEntry => {
    const trained = trainable && !frozen(name);
    if (!trained) {
      const moves = !trainable && !isFrozen(frozen, name.slice(0, Math.max(0, name.lastIndexOf("."))));
      return { name, variable, trained, group: 0, slots: moves ? (optimizer.buffers?.slots ?? []) : [] };
    }
    const group = optimizer.groupOf(name, checkpointShape);
    const key = JSON.stringify(group);
    if (!keys.includes(key)) {
      keys.push(key);
      groups.push(group);
    }
    return { name, variable, trained, group: keys.indexOf(key), slots };
  });
  if (groups.length === 0) throw new JitError("bad-input", "a step with nothing to train: every parameter is frozen");
  const scalarNames = Object.keys(optimizer.scalars(1, optimizer.lr, groups[0] as object));
  return { entries, groups, scalarNames, accumulate };
}

/** Whether the BatchNorm at `path` stays as it is: torch's habit for frozen layers (timm's freeze_batch_norm_2d). */
const isFrozen = (frozen: (name: string) => boolean, path: string): boolean => frozen(`${path}.weight`);

/** One slot of one parameter. */
export interface SlotEntry {
  readonly input: string;
  readonly shape: readonly number[];
}

export const slotsOf = ({ entries }: StepShape): readonly SlotEntry[] =>
  entries.flatMap(({ name, variable, slots }) => {
    return slots.map((slot) => ({ input: slotName(slot, name), shape: variable.shape }));
  });

/** Numbers of a step besides the groups' own. */
export interface StepNumbers {
  /** Largest norm of the whole gradient. */
  readonly clip: number;
  /** With `accumulate`: what remains of the sum so far, what this batch counts, and whether the optimiser follows. */
  readonly keep: number;
  readonly share: number;
  readonly apply: boolean;
}

export const numberNames = ({ accumulate }: StepShape): readonly (keyof StepNumbers)[] =>
  accumulate ? ["clip", "keep", "share", "apply"] : ["clip"];

/** Inputs besides images, target and extras, in the order in which the step's function takes them. */
export function innerInputs(shape: StepShape): readonly InputSpec[] {
  const { groups, scalarNames } = shape;
  const scalars = groups.flatMap((_, g) => scalarNames.map((s) => ({ name: scalarName(g, s), shape: [] })));
  const numbers = numberNames(shape).map((name): InputSpec => {
    return { name, shape: [], dtype: name === "apply" ? "bool" : "float32" };
  });
  return [...numbers, ...scalars, ...slotsOf(shape).map(({ input, shape: dims }) => ({ name: input, shape: dims }))];
}

/** The step itself. `given` has every input by name; `rng` is what the layers draw from. */
export function runStep(
  plan: StepPlan,
  shape: StepShape,
  given: Readonly<Record<string, Tensor>>,
  extras: Readonly<Record<string, Tensor>>,
  rng: Rng,
): Record<string, Tensor> {
  const { model, loss, optimizer } = plan;
  const updates = new Map<Variable, Tensor>();
  // Kept: the values would die with variableGrads' own scope.
  const update = (buffer: Variable, value: Tensor) => void updates.set(buffer, keep(clone(value)));
  const frozen = (path: string) => isFrozen(plan.frozen ?? (() => false), path);
  const ctx: Context = { training: true, rng, tap() {}, update, frozen };
  let answer: Tensor | undefined;
  const trained = shape.entries.filter((entry) => entry.trained);
  const { value, grads } = variableGrads(
    () => {
      const logits = model.forward(given.images as Tensor4D, ctx);
      answer = keep(clone(logits));
      return loss(logits as never, given.target as never, extras) as Scalar;
    },
    trained.map(({ variable }) => variable),
  );
  const used = trained
    .filter(({ variable }) => grads[variable.name])
    .map((entry) => ({ ...entry, shape: entry.variable.shape }));
  const scalar = (name: keyof StepNumbers) => given[name] as Tensor;
  const bundles = bundle(used, optimizer.pointwise ?? false).map((entries) => {
    const slot = (of: string) => join(entries.map(({ name }) => given[slotName(of, name)] as Tensor));
    const own = join(entries.map(({ variable }) => grads[variable.name] as Tensor));
    const gradient = shape.accumulate ? add(mul(slot(SUM), scalar("keep")), mul(own, scalar("share"))) : own;
    return { entries, slot, gradient };
  });
  /** What the optimiser says, where it is its turn. */
  const chosen = (next: Tensor, before: Tensor): Tensor =>
    shape.accumulate ? where(scalar("apply"), next, before) : next;
  // The last layers' first, as gradients are found: ONNX Runtime runs what a sum's first operand needs before the rest, and with
  // the first layers' in front it would keep every map for their gradients until the end.
  const order = [...bundles].reverse().sort((a, b) => Math.min(a.entries.length, 2) - Math.min(b.entries.length, 2));
  const total = order.map(({ gradient }) => sum(square(gradient)) as Tensor).reduce((a, b) => add(a, b));
  const norm = sqrt(total);
  // torch's clip_grad_norm_: never enlarges; an infinite bound leaves everything as it is.
  const factor = minimum(div(scalar("clip"), add(norm, 1e-6)), 1);
  const logits = answer as unknown as Tensor;
  const outputs: Record<string, Tensor> = { loss: value, gradNorm: norm, logits: clone(logits) };
  logits.dispose();
  for (const { entries, slot, gradient } of bundles) {
    const { group } = entries[0] as (typeof entries)[number];
    const scalars = shape.scalarNames.map((s): [string, Tensor] => [s, given[scalarName(group, s)] as Tensor]);
    const slots = optimizer.slots.map((s): [string, Tensor] => [s, slot(s)]);
    const parameter = join(entries.map(({ variable }) => variable));
    const next = optimizer.update(
      parameter,
      mul(gradient, factor),
      Object.fromEntries(slots),
      Object.fromEntries(scalars),
    );
    const put = (joined: Tensor, nameOf: (name: string) => string): void => {
      apart(joined, entries).forEach((part, i) => {
        outputs[nextName(nameOf((entries[i] as (typeof entries)[number]).name))] = part;
      });
    };
    put(chosen(next.parameter, parameter), parameterName);
    for (const [s, before] of slots) put(chosen(next.slots[s] as Tensor, before), (name) => slotName(s, name));
    if (shape.accumulate) put(gradient, (name) => slotName(SUM, name));
  }
  const first = shape.scalarNames.map((s): [string, Tensor] => [s, given[scalarName(0, s)] as Tensor]);
  for (const { name, variable, slots } of shape.entries) {
    const next = updates.get(variable);
    if (!next) continue;
    const before = slots.map((s): [string, Tensor] => [s, given[slotName(s, name)] as Tensor]);
    const after =
      before.length > 0 ? optimizer.buffers?.update(next, Object.fromEntries(before), Object.fromEntries(first)) : {};
    for (const [slot, value] of before)
      outputs[nextName(slotName(slot, name))] = chosen(after?.[slot] as Tensor, value);
    outputs[nextName(parameterName(name))] = clone(next);
    next.dispose();
  }
  return outputs;
}
