import { gatherAt, reshape } from "../build.ts";
import { countUses, Graph, type Value } from "../ir.ts";
import { blockFilterValues } from "./blocked-filters.ts";
import { knownValues } from "./match.ts";

/** ONNX Runtime's domain of blocked ops. */
export const BLOCKED_DOMAIN = "com.microsoft.nchwc";

/** The values of a graph as they come to be in its copy: plain, in blocks, or both, each turned at most once. */
export class Forms {
  readonly out: Graph;
  readonly block: number;
  readonly #plain = new Map<Value, Value>();
  readonly #blocked = new Map<Value, Value>();
  readonly #made = new Map<Value, Map<string, Value>>();
  readonly #centred = new Map<Value, { readonly mean: Value; readonly made: Value }>();
  readonly #uses: ReadonlyMap<Value, number>;

  /** @param block channels of a block */
  constructor(source: Graph, block: number) {
    this.out = new Graph(source.batch);
    this.out.inputs = source.inputs;
    this.block = block;
    this.#uses = countUses(source);
  }

  /** How many operands and outputs of the source read `v`. */
  uses(v: Value): number {
    return this.#uses.get(v) ?? 0;
  }

  isBlocked(v: Value): boolean {
    return this.#blocked.has(v);
  }

  setPlain(v: Value, made: Value): void {
    this.#plain.set(v, made);
  }

  setBlocked(v: Value, made: Value): void {
    this.#blocked.set(v, made);
  }

  /** `made`, in blocks, is the map less its batch's mean: normalisation makes it, and its gradient reads it again. */
  setCentred(map: Value, mean: Value, made: Value): void {
    this.#centred.set(map, { mean, made });
  }

  centred(map: Value, mean: Value | undefined): Value | undefined {
    const known = this.#centred.get(map);
    return known?.mean === mean ? known?.made : undefined;
  }

  /** As ONNX has it. Inputs and constants are the same in both graphs. */
  plain(v: Value): Value {
    const known = this.#plain.get(v);
    if (known) return known;
    const from = this.#blocked.get(v);
    if (!from) return v;
    const made = reorderOutput(this.out, from);
    this.#plain.set(v, made);
    return made;
  }

  /** [N, C, H, W] as [N, C / b, H, W, b] in memory; its shape is still written [N, C, H, W]. */
  blocked(v: Value): Value {
    const known = this.#blocked.get(v);
    if (known) return known;
    const made = reorderInput(this.out, this.plain(v));
    this.#blocked.set(v, made);
    return made;
  }

  /** What `make` makes of `v`, once for each name of it. */
  once(v: Value, name: string, make: () => Value): Value {
    const of = this.#made.get(v) ?? new Map<string, Value>();
    this.#made.set(v, of);
    const made = of.get(name) ?? make();
    of.set(name, made);
    return made;
  }
}

/** What a blocked convolution's window is besides its size; what is left out: steps of one, no padding, one group. */
interface Window {
  readonly strides?: readonly [number, number];
  readonly dilations?: readonly [number, number];
  readonly pads?: readonly number[];
  readonly group?: number;
}

/** The convolution of a map in blocks with a filter in blocks, and a bias: `shape`, in blocks. */
export function convolution(
  g: Graph,
  operands: readonly Value[],
  shape: readonly number[],
  { strides = [1, 1], dilations = [1, 1], pads = [0, 0, 0, 0], group = 1 }: Window = {},
): Value {
  const attrs = { kernel_shape: (operands[1] as Value).shape.slice(2), strides, dilations, pads, group };
  return g.add("Conv", operands, attrs, shape, "float32", BLOCKED_DOMAIN);
}

export function reorderInput(g: Graph, x: Value): Value {
  return g.add("ReorderInput", [x], {}, x.shape, x.dtype, BLOCKED_DOMAIN);
}

export function reorderOutput(g: Graph, x: Value): Value {
  return g.add("ReorderOutput", [x], { channels: x.shape[1] as number }, x.shape, x.dtype, BLOCKED_DOMAIN);
}

/** [N, C, H, W] in blocks as plain [N, H, W, C]. */
export function channelsLast(g: Graph, x: Value): Value {
  const [N, C, H, W] = x.shape as [number, number, number, number];
  return g.add("ReorderOutput", [x], { channels: C, channels_last: 1 }, [N, H, W, C], x.dtype, BLOCKED_DOMAIN);
}

/**
 * Some taps of [n, b, taps, b] as [n, their number, b, b]. A gather, since that moves runs of b values on all threads; a transpose, on
 * one, takes about twice as long.
 */
export function tapsFirst(g: Graph, filter: Value, seen: readonly number[]): Value {
  const [n, b, taps] = filter.shape as [number, number, number, number];
  const to = [n, seen.length, b, b];
  if (taps === 1) return reshape(g, filter, to);
  const rows = seen.flatMap((tap) => Array.from({ length: b }, (_, k) => k * taps + tap));
  return reshape(g, gatherAt(g, reshape(g, filter, [n, b * taps, b]), rows, 1), to);
}

/**
 * A filter [K, C, kh, kw] as blocked convolutions read it, [K / b, C / b, kh, kw, b of C, b of K], or [K / b, C, kh, kw, b]
 * where there is no block of C: here if its values are known, else in the graph, where ONNX Runtime's reorder does the fine part and
 * then runs of a block move.
 */
export function blockFilter(g: Graph, filter: Value, block: number): Value {
  const known = knownValues(filter);
  if (known) return g.constant(() => blockFilterValues(known(), filter.shape, block), filter.shape, "float32");
  const [K, C, kh, kw] = filter.shape as [number, number, number, number];
  const rows = reorderInput(g, reshape(g, filter, [1, K, C, kh * kw]));
  if (C < block || kh * kw === 1) return reshape(g, rows, filter.shape);
  const apart = reshape(g, rows, [(K * C) / block ** 2, block, kh * kw, block]);
  return reshape(g, tapsFirst(g, apart, [...Array(kh * kw).keys()]), filter.shape);
}
