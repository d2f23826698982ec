/** What runs a training step: a session in a worker, or eager tfjs. */
import { createRng, keep, type Rng, type Tensor, tensor, tidy, type Variable, zeros } from "@vitrail/tensor";
import type { Client } from "./runtime/client.ts";
import type { HostTensor, HostTensors, StepReply } from "./runtime/protocol.ts";
import type { StatePlaces, StateValue } from "./state-places.ts";
import { nextName, parameterName, runStep, type StepPlan, type StepShape, slotsOf } from "./step-function.ts";

export interface StepRuntime {
  /** Runs a step; where a result of `guard` is not finite, the state stays as it was. */
  step(feeds: HostTensors, guard: readonly string[], rng: Rng): Promise<StepReply>;
  /** State by the name of its input, as tfjs has it. */
  pull(inputs: readonly string[]): Promise<ReadonlyMap<string, Float32Array>>;
  push(values: readonly StateValue[]): Promise<void>;
  close(): Promise<void>;
}

const buffersOf = (tensors: HostTensors) => Object.values(tensors).map(({ data }) => data.buffer);

/** The state lives in the worker. */
export const workerRuntime = (client: Client, places: StatePlaces): StepRuntime => ({
  step: (feeds, guard) => client.request({ kind: "step", feeds, guard }, buffersOf(feeds)),
  async pull(inputs) {
    const names = places.portsOf(inputs);
    return places.fromPorts(inputs, await client.request<HostTensors>({ kind: "pull", names }));
  },
  push(values) {
    const ports = places.toPorts(values);
    return client.request({ kind: "push", values: ports }, buffersOf(ports));
  },
  close: () => client.close(),
});

const toHost = async (t: Tensor): Promise<HostTensor> => ({
  type: t.dtype as "float32",
  dims: t.shape,
  data: ((await t.data()) as Float32Array).slice(),
});

/** The state is the model's variables, and the optimiser's slots as tensors here. */
export function eagerRuntime(plan: StepPlan, shape: StepShape, extras: readonly string[]): StepRuntime {
  const slots = new Map<string, Tensor>();
  for (const { input, shape: dims } of slotsOf(shape))
    slots.set(
      input,
      tidy(() => keep(zeros([...dims]))),
    );
  const variables = new Map<string, Variable>(shape.entries.map((e) => [parameterName(e.name), e.variable]));

  return {
    async step(feeds, guard, rng) {
      const given = Object.fromEntries(
        Object.entries(feeds).map(([name, { type, dims, data }]) => [
          name,
          tensor(data as Float32Array, [...dims], type as "float32"),
        ]),
      );
      const outputs = tidy(() => {
        const all = { ...given, ...Object.fromEntries(slots) };
        const more = Object.fromEntries(extras.map((name) => [name, given[name] as Tensor]));
        return runStep(plan, shape, all, more, rng);
      });
      const shown: Record<string, HostTensor> = {};
      for (const [name, t] of Object.entries(outputs)) if (!name.startsWith("next.")) shown[name] = await toHost(t);
      const finite = guard.every((name) =>
        [...((shown[name] as HostTensor).data as Float32Array)].every(Number.isFinite),
      );
      if (finite) {
        for (const [name, variable] of variables) {
          const next = outputs[nextName(name)];
          if (next) variable.assign(next);
        }
        for (const [name, old] of slots) {
          const next = outputs[nextName(name)];
          if (!next) continue;
          slots.set(name, keep(next));
          old.dispose();
        }
      }
      const kept = new Set(slots.values());
      for (const t of [...Object.values(outputs), ...Object.values(given)]) if (!kept.has(t)) t.dispose();
      return { outputs: shown, finite };
    },
    async pull(inputs) {
      const found = inputs.map(async (input): Promise<[string, Float32Array]> => {
        return [input, (await toHost((slots.get(input) ?? variables.get(input)) as Tensor)).data as Float32Array];
      });
      return new Map(await Promise.all(found));
    },
    async push(values) {
      for (const { input, shape: dims, data } of values) {
        const value = tensor(data, [...dims]);
        const variable = variables.get(input);
        if (variable) {
          variable.assign(value);
          value.dispose();
        } else {
          slots.get(input)?.dispose();
          slots.set(input, keep(value));
        }
      }
    },
    async close() {
      for (const t of slots.values()) t.dispose();
      slots.clear();
    },
  };
}

/** The stream of a step, and of each batch whose gradients it sums: eager and compiled runs draw the same. */
export function streamOfStep(seed: number, step: number, part: number): Rng {
  const stream = createRng(seed).at(step);
  return part === 0 ? stream : stream.at(part);
}
