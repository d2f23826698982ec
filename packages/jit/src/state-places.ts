/** Where each state of a step lies in its session: filters turned around, vectors of a kind in one tensor. */
import { permuteValues } from "@vitrail/layers";
import { type Graph, sizeOf } from "./ir.ts";
import { layOutFilters, type StatePorts } from "./passes/state-layout.ts";
import { joinVectors } from "./passes/state-vectors.ts";
import type { HostTensors } from "./runtime/protocol.ts";
import { nextName, parameterName, type StateEntry, type StepShape, slotName } from "./step-function.ts";

/** A state as tfjs has it, by the name of the input that it was traced as. */
export interface StateValue {
  readonly input: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

interface Place {
  /** The session's input. */
  readonly port: string;
  /** Where in it the state begins. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly turned: boolean;
}

const OIHW = [3, 2, 0, 1];
const HWIO = [2, 3, 1, 0];

/** Lays the state of a traced step out for its session: changes the graph, and remembers how. */
export class StatePlaces {
  readonly #places = new Map<string, Place>();
  /** Dimensions of the session's inputs that are state. */
  readonly #ports = new Map<string, readonly number[]>();

  constructor(graph: Graph, shape: StepShape) {
    const dims = new Map(graph.inputs.map(({ name, value }) => [name, value.shape]));
    const outputs = new Set(graph.outputs.map(({ name }) => name));
    const portsOf = (input: string): StatePorts => {
      const output = nextName(input);
      return { input, output: outputs.has(output) ? output : undefined };
    };
    const states = shape.entries.map((entry) => ({
      entry,
      ports: [parameterName(entry.name), ...entry.slots.map((slot) => slotName(slot, entry.name))].map(portsOf),
    }));
    const filters = states.filter(({ entry }) => entry.variable.rank === 4).map(({ ports }) => ports);
    const turned = layOutFilters(graph, filters);
    const joined = new Map<string, Pick<Place, "port" | "offset">>();
    for (const [port, list] of vectorsOf(states)) {
      const read = list.filter(({ input }) => dims.has(input));
      if (read.length < 2) continue;
      for (const [input, offset] of joinVectors(graph, { input: port, output: nextName(port) }, read))
        joined.set(input, { port, offset });
    }
    for (const { input } of states.flatMap(({ ports }) => ports)) {
      const own = dims.get(input);
      if (!own) continue; // what the loss does not reach has no place
      const place = { port: input, offset: 0, ...joined.get(input) };
      this.#places.set(input, { ...place, shape: own, turned: turned.has(input) });
    }
    const ports = new Set([...this.#places.values()].map(({ port }) => port));
    for (const { name, value } of graph.inputs) if (ports.has(name)) this.#ports.set(name, value.shape);
  }

  has(input: string): boolean {
    return this.#places.has(input);
  }

  /** What the session begins with, of values that are asked for one at a time; a state that is not among them is zero. */
  async initial(values: AsyncIterable<StateValue>): Promise<HostTensors> {
    const data = new Map<string, Float32Array>();
    for await (const value of values) this.#put(data, value);
    return this.#tensors([...this.#ports.keys()], data);
  }

  /** The session's inputs with new values; of vectors that lie in one tensor, all or none. */
  toPorts(values: readonly StateValue[]): HostTensors {
    const data = new Map<string, Float32Array>();
    for (const value of values) this.#put(data, value);
    return this.#tensors([...data.keys()], data);
  }

  #put(to: Map<string, Float32Array>, { input, shape, data }: StateValue): void {
    const { port, offset, turned } = this.#place(input);
    if (turned) to.set(port, permuteValues(data, shape, OIHW));
    else {
      const whole = to.get(port) ?? new Float32Array(this.#sizeOf(port));
      whole.set(data, offset);
      to.set(port, whole);
    }
  }

  #tensors(ports: readonly string[], data: ReadonlyMap<string, Float32Array>): HostTensors {
    return Object.fromEntries(
      ports.map((port) => {
        const dims = this.#ports.get(port) as readonly number[];
        return [port, { type: "float32", dims, data: data.get(port) ?? new Float32Array(this.#sizeOf(port)) }];
      }),
    );
  }

  /** The session's inputs in which these lie. */
  portsOf(inputs: readonly string[]): readonly string[] {
    return [...new Set(inputs.map((input) => this.#place(input).port))];
  }

  /** States by name, from the session's inputs. */
  fromPorts(inputs: readonly string[], found: HostTensors): ReadonlyMap<string, Float32Array> {
    return new Map(
      inputs.map((input) => {
        const { port, offset, shape, turned } = this.#place(input);
        const { dims, data } = found[port] as { dims: readonly number[]; data: Float32Array };
        if (turned) return [input, permuteValues(data, dims, HWIO)];
        const size = sizeOf(shape);
        return [input, size === data.length ? data : data.slice(offset, offset + size)];
      }),
    );
  }

  #place(input: string): Place {
    return this.#places.get(input) as Place;
  }

  #sizeOf(port: string): number {
    return sizeOf(this.#ports.get(port) as readonly number[]);
  }
}

interface EntryPorts {
  readonly entry: StateEntry;
  readonly ports: readonly StatePorts[];
}

/** Vectors that are kept as one tensor, by its name: of those that are updated together, and of what is remembered of them. */
function vectorsOf(states: readonly EntryPorts[]): ReadonlyMap<string, readonly StatePorts[]> {
  const lists = new Map<string, StatePorts[]>();
  for (const { entry, ports } of states) {
    if (entry.variable.rank !== 1) continue;
    const kind = entry.trained ? `group ${entry.group}` : "buffers";
    ports.forEach((port, i) => {
      const of = i === 0 ? "param" : (entry.slots[i - 1] as string);
      const name = `${of}:[${kind}${port.output === undefined ? ", fixed" : ""}]`;
      lists.set(name, [...(lists.get(name) ?? []), port]);
    });
  }
  return lists;
}
