/** A whole training step as one compiled graph, its state in the worker. */
import { createRng, type Rng, type Tensor, tensor } from "@vitrail/tensor";
import { type Recipe, recordDraws } from "./draws.ts";
import { JitError, showShape } from "./errors.ts";
import { type Graph, sameShape, sizeOf } from "./ir.ts";
import { optimise } from "./passes/index.ts";
import { type EngineOptions, type EngineReport, openSession } from "./runtime/engine.ts";
import type { HostTensor } from "./runtime/protocol.ts";
import { StatePlaces, type StateValue } from "./state-places.ts";
import {
  innerInputs,
  numberNames,
  parameterName,
  runStep,
  type StepPlan,
  type StepShape,
  scalarName,
  shapeOfStep,
  slotsOf,
} from "./step-function.ts";
import { splitStep } from "./step-phases.ts";
import { eagerRuntime, type StepRuntime, streamOfStep, workerRuntime } from "./step-runtime.ts";
import { type InputSpec, trace } from "./trace.ts";

export interface StepOptions extends EngineOptions {
  /** Images of a step: fixed, because means over the batch are compiled in. */
  readonly batch: number;
  /** Shape of one image: height, width, channels. Default: the model's `config.imgSize` and `config.inChans`. */
  readonly input?: readonly number[];
  /** Shape and type of the targets. Default: int32 class numbers, `[batch]`. */
  readonly target?: { readonly shape: readonly number[]; readonly dtype?: "float32" | "int32" };
  /** Further inputs of the loss, by name. */
  readonly extras?: readonly InputSpec[];
  /** Seeds the random draws; step i draws from `createRng(seed).at(i)`. Default 0. */
  readonly seed?: number;
  /** Makes room for `settings.part`: gradients of several batches summed to one update. Default false. */
  readonly accumulate?: boolean;
}

/** Which batch this is of those whose gradients are summed to one update. */
export interface StepPart {
  /** From 0. */
  readonly index: number;
  /** How many there are; each counts the same. The last one updates. */
  readonly count: number;
}

/** What may differ from step to step without compiling again. */
export interface StepSettings {
  /** Default: the optimiser's. */
  readonly lr?: number;
  /** The learning rate of each group of parameters, before its own `lrScale`; 0 leaves the group as it is. Default: `lr`. */
  readonly groupLr?: (group: object) => number;
  /** With `accumulate`. Running statistics move with every part; images of all parts count as one batch for the rest. */
  readonly part?: StepPart;
  /** Largest norm of all gradients together. Default: none. */
  readonly clipNorm?: number;
  /** What the layers draw from. Default: the stream of this step's number. */
  readonly rng?: Rng;
  readonly extras?: Readonly<Record<string, HostValues>>;
}

type HostValues = Float32Array | Int32Array;

export interface StepResult {
  readonly loss: number;
  /** Norm of all gradients together, before clipping. */
  readonly gradNorm: number;
  /** What the model answered before the update, row by row: `[batch, classes]`. */
  readonly logits: Float32Array;
}

/** The model's parameters, its buffers and the optimiser's slots, as they were after so many steps. */
export interface StepState {
  readonly steps: number;
  readonly values: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>>;
}

export interface CompiledStep {
  readonly report: EngineReport;
  /** Updates done. */
  readonly steps: number;
  /**
   * One step. The model's variables do not change until `pull`.
   * @throws JitError "bad-input", "busy" while another step runs, "not-finite" where loss or gradients are (the state then
   *   stays as it was), "disposed", "worker-crashed"
   */
  run(images: Tensor | Float32Array, target: Tensor | HostValues, settings?: StepSettings): Promise<StepResult>;
  /** Copies parameters and buffers into the model's variables. */
  pull(): Promise<void>;
  /** Takes parameters and buffers from the model's variables. */
  push(): Promise<void>;
  /** Everything, to go on from later. */
  save(): Promise<StepState>;
  restore(state: StepState): Promise<void>;
  dispose(): Promise<void>;
}

/**
 * Traces one training step of `plan.model` (its forward pass in training mode, loss, gradients, clipping, the optimiser's
 * update, BatchNorm's running statistics) and opens a session that keeps the state.
 */
export async function compileStep(plan: StepPlan, options: StepOptions): Promise<CompiledStep> {
  const { batch, extras = [], seed = 0, accumulate = false } = options;
  if (!Number.isInteger(batch) || batch < 1) {
    throw new JitError("bad-input", `batch: expected 1 or more, found ${batch}; a step has no dynamic batch`);
  }
  const shape = shapeOfStep(plan, accumulate);
  const target = options.target ?? { shape: [batch], dtype: "int32" as const };
  const outer: readonly InputSpec[] = [
    { name: "images", shape: [batch, ...(options.input ?? inputOf(plan))] },
    { name: "target", ...target },
    ...extras,
  ];
  const { graph, draws } = traceStep(plan, shape, [...outer, ...innerInputs(shape)], extras);
  const places = new StatePlaces(graph, shape);
  optimise(graph, { contrib: true, training: true });

  const carry = Object.fromEntries(
    graph.outputs.filter(({ name }) => name.startsWith("next.")).map(({ name }) => [name.slice("next.".length), name]),
  );
  const initial = () => places.initial(valuesOf(shape, places));
  const phases = splitStep(graph, "clip", carry);
  const { client, report } = await openSession({ initial, carry, phases }, options);
  const runtime = client
    ? workerRuntime(client, places)
    : eagerRuntime(
        plan,
        shape,
        extras.map(({ name }) => name),
      );
  const holds = (input: string) => !client || places.has(input); // what the loss does not reach has no place in the session
  return makeStep({ plan, shape, outer, draws, report, runtime, seed, holds });
}

function inputOf({ model }: StepPlan): readonly [number, number, number] {
  const { config } = model as { config?: { imgSize?: number | readonly [number, number]; inChans?: number } };
  const size = config?.imgSize;
  if (size === undefined) throw new JitError("bad-input", "input: expected [height, width, channels], found nothing");
  const channels = config?.inChans ?? 3;
  return typeof size === "number" ? [size, size, channels] : [...size, channels];
}

interface TracedStep {
  readonly graph: Graph;
  /** Inputs to fill with random numbers. */
  readonly draws: ReadonlyMap<string, { readonly shape: readonly number[]; readonly recipe: Recipe }>;
}

function traceStep(
  plan: StepPlan,
  shape: StepShape,
  inputs: readonly InputSpec[],
  extras: readonly InputSpec[],
): TracedStep {
  const recording = recordDraws(createRng(0));
  const draws = new Map<string, { shape: readonly number[]; recipe: Recipe }>();
  const names = new Map<object, string>(
    shape.entries.map(({ name, variable }) => [variable.dataId, parameterName(name)]),
  );
  const step = (...tensors: Tensor[]) => {
    const given = Object.fromEntries(inputs.map(({ name }, i) => [name, tensors[i] as Tensor]));
    const more = Object.fromEntries(extras.map(({ name }) => [name, given[name] as Tensor]));
    return runStep(plan, shape, given, more, recording.rng);
  };
  const graph = trace(step, inputs, {
    choices: true,
    resolve(to, { id, shape: dims, dtype, values, literal }) {
      const parameter = names.get(id);
      if (parameter) return to.input(parameter, dims, dtype);
      const recipe = literal ? recording.recipeOf(values()) : undefined;
      if (!recipe) return undefined;
      const name = `draw:${draws.size}`;
      draws.set(name, { shape: dims, recipe });
      return to.input(name, dims, dtype);
    },
  });
  return { graph, draws };
}

function checkRate(lr: number): number {
  if (lr >= 0 && lr < Number.POSITIVE_INFINITY) return lr;
  throw new JitError("bad-input", `lr: expected 0 or more, found ${lr}`);
}

function partOf({ part }: StepSettings, { accumulate }: StepShape): StepPart {
  if (!part) return { index: 0, count: 1 };
  if (!accumulate) throw new JitError("bad-input", "part: the step was compiled without accumulate: true");
  const { index, count } = part;
  const fits = Number.isInteger(index) && Number.isInteger(count) && index >= 0 && index < count;
  if (!fits) throw new JitError("bad-input", `part: expected an index from 0 below count, found ${index} of ${count}`);
  return part;
}

/** Parameters and buffers that have a place in the session. */
async function* valuesOf({ entries }: StepShape, places: StatePlaces): AsyncGenerator<StateValue> {
  for (const { name, variable } of entries) {
    const input = parameterName(name);
    if (places.has(input)) yield { input, shape: variable.shape, data: (await variable.data()) as Float32Array };
  }
}

interface Parts {
  readonly plan: StepPlan;
  readonly shape: StepShape;
  readonly outer: readonly InputSpec[];
  readonly draws: TracedStep["draws"];
  readonly report: EngineReport;
  readonly runtime: StepRuntime;
  readonly seed: number;
  /** Whether there is such a state. */
  readonly holds: (input: string) => boolean;
}

function makeStep({ plan, shape, outer, draws, report, runtime, seed, holds }: Parts): CompiledStep {
  const { optimizer } = plan;
  let steps = 0;
  let busy: Promise<unknown> | undefined;
  let disposed = false;
  const parameters = shape.entries
    .map((entry) => ({ ...entry, input: parameterName(entry.name) }))
    .filter(({ input }) => holds(input));

  /** One use at a time: a step reads and replaces the state. */
  const alone = async <T>(use: () => Promise<T>): Promise<T> => {
    if (disposed) throw new JitError("disposed", "the step was disposed: compile it again");
    if (busy) throw new JitError("busy", "a step is under way on this state: await it first");
    const using = use();
    busy = using.catch(() => undefined);
    try {
      return await using;
    } finally {
      busy = undefined;
    }
  };

  const run = async (
    images: Tensor | Float32Array,
    target: Tensor | HostValues,
    settings: StepSettings,
  ): Promise<StepResult> => {
    const { lr = optimizer.lr, clipNorm = Number.POSITIVE_INFINITY, extras = {} } = settings;
    const { index, count } = partOf(settings, shape);
    if (!(clipNorm > 0)) throw new JitError("bad-input", `clipNorm: expected more than 0, found ${clipNorm}`);
    const feeds: Record<string, HostTensor> = {};
    for (const spec of outer) {
      const value = spec.name === "images" ? images : spec.name === "target" ? target : extras[spec.name];
      feeds[spec.name] = await feed(spec, value);
    }
    const scalar = (value: number | boolean): HostTensor =>
      typeof value === "boolean"
        ? { type: "bool", dims: [], data: Uint8Array.of(value ? 1 : 0) }
        : { type: "float32", dims: [], data: Float32Array.of(value) };
    const last = index === count - 1;
    const numbers = { clip: clipNorm, keep: index === 0 ? 0 : 1, share: 1 / count, apply: last };
    for (const name of numberNames(shape)) feeds[name] = scalar(numbers[name]);
    shape.groups.forEach((group, g) => {
      const rate = checkRate(settings.groupLr?.(group) ?? lr);
      for (const [name, value] of Object.entries(optimizer.scalars(steps + 1, rate, group))) {
        feeds[scalarName(g, name)] = scalar(value);
      }
    });
    const rng = settings.rng ?? streamOfStep(seed, steps, index);
    if (report.engine !== "tfjs") {
      for (const [name, draw] of draws)
        feeds[name] = { type: "float32", dims: draw.shape, data: draw.recipe(rng).slice() };
    }
    const { outputs, finite } = await runtime.step(feeds, ["loss", "gradNorm"], rng);
    const [loss, gradNorm] = [outputs.loss?.data[0] as number, outputs.gradNorm?.data[0] as number];
    if (!finite) {
      const found = `loss ${loss} and gradient norm ${gradNorm}`;
      throw new JitError("not-finite", `step ${steps + 1} gave ${found}; the parameters keep their last good values`);
    }
    if (last) steps++;
    return { loss, gradNorm, logits: outputs.logits?.data as Float32Array };
  };

  const everything = [
    ...parameters.map(({ input, variable }) => ({ input, shape: variable.shape })),
    ...slotsOf(shape).filter(({ input }) => holds(input)),
  ];
  return {
    report,
    get steps() {
      return steps;
    },
    run: (images, target, settings = {}) => alone(() => run(images, target, settings)),
    pull: () =>
      alone(async () => {
        if (report.engine === "tfjs") return; // the variables are the state
        const values = await runtime.pull(parameters.map(({ input }) => input));
        for (const { input, variable } of parameters) {
          const data = values.get(input);
          if (!data) continue;
          const next = tensor(data, variable.shape);
          variable.assign(next);
          next.dispose();
        }
      }),
    push: () =>
      alone(async () => {
        if (report.engine === "tfjs") return;
        const values = parameters.map(async ({ input, variable }) => {
          return { input, shape: variable.shape, data: (await variable.data()) as Float32Array };
        });
        await runtime.push(await Promise.all(values));
      }),
    save: () =>
      alone(async () => {
        const values = await runtime.pull(everything.map(({ input }) => input));
        const list = everything.map(({ input, shape: dims }) => {
          return [input, { shape: dims, data: values.get(input) as Float32Array }] as const;
        });
        return { steps, values: Object.fromEntries(list) };
      }),
    restore: (state) =>
      alone(async () => {
        const list = everything.map(({ input, shape: dims }) => {
          const value = state.values[input];
          if (!value || !sameShape(value.shape, dims)) {
            const found = value ? showShape(value.shape) : "nothing";
            throw new JitError("bad-input", `${input}: expected ${showShape(dims)}, found ${found}`);
          }
          return { input, shape: dims, data: value.data };
        });
        await runtime.push(list);
        steps = state.steps;
      }),
    async dispose() {
      if (disposed) return;
      disposed = true;
      await busy;
      await runtime.close();
    },
  };
}

/** An input's values, checked and copied. */
async function feed(
  { name, shape, dtype = "float32" }: InputSpec,
  value: Tensor | HostValues | undefined,
): Promise<HostTensor> {
  const dims = shape as readonly number[];
  if (value === undefined)
    throw new JitError("bad-input", `${name}: expected ${dtype} ${showShape(dims)}, found nothing`);
  const isTensor = "dataId" in value;
  const kind = isTensor ? value.dtype : value instanceof Float32Array ? "float32" : "int32";
  if (kind !== dtype) throw new JitError("bad-input", `${name}: expected type ${dtype}, found ${kind}`);
  const fits = isTensor ? sameShape(value.shape, dims) : value.length === sizeOf(dims);
  if (!fits) {
    const found = isTensor ? showShape(value.shape) : `${value.length} values`;
    const hint = name === "images" ? "; a step is compiled for one batch size" : "";
    throw new JitError("bad-input", `${name}: expected ${showShape(dims)}, found ${found}${hint}`);
  }
  const data = isTensor ? ((await value.data()) as Float32Array) : value;
  return { type: dtype, dims, data: data.slice() };
}
