/**
 * Winograd's convolutions in blocks: along a map's rows m values come from m + 2 products instead of 3 m, F(m, 3) in the paper's words
 * (toom-cook.ts); along its columns a convolution of 1 x 3 stays. A row of a map in blocks is a line in memory, so that both transforms are
 * matrices times lines; all products are one convolution in groups.
 *
 * Along both axes there would be half the products, for as much more in passes, and errors three times as large (docs/decisions/0010).
 */
import { concat, gatherAt, matMul, reshape, slice, transpose } from "../build.ts";
import type { Graph, Node, Value } from "../ir.ts";
import { rowsOfFilter } from "./blocked-filters.ts";
import { convolution, type Forms } from "./blocked-forms.ts";
import { knownThreeByThree } from "./match.ts";
import { type Transforms, transformsOf } from "./toom-cook.ts";

/** Tiles' rows, least error first. A larger one is taken where it saves a twentieth of the products. */
const TILES = [4, 6, 7];
const WORTH = 0.95;

/** Measured with AVX2 alone. With AVX-512 products run three times as fast, passes over maps do not. */
const BLOCK = 8;

/** Multiplications for an image, directly: below this what each node costs by itself is what is saved. */
const LEAST_WORK = 1e8;

/** Of the direct products, what is left at most. */
const MOST_LEFT = 0.6;

/** Rows up to which a map's are transformed all at once. */
const LOW = 32;

/** Up to so many pixels all images' are one map's, so that a filter is read once for all of them. */
const FEW_PIXELS = 64;

interface Plan {
  readonly form: Transforms;
  /** Tiles that a map's rows take. */
  readonly tiles: number;
  /** Whether all images' tiles are rows of one map while they are multiplied. */
  readonly together: boolean;
  /** The filter's values. */
  readonly known: () => Float32Array;
}

/**
 * Whether a graph has convolutions that become Winograd's in blocks of so many channels, by default of the right size. What is quantised,
 * ONNX Runtime joins as it finds it.
 */
export function hasWinograd({ nodes }: Graph, block = BLOCK): boolean {
  return (
    block === BLOCK &&
    nodes.some((node) => planOf(node, block)) &&
    !nodes.some(({ op }) => /Quantize|Integer|QLinear/.test(op))
  );
}

/** How a convolution becomes Winograd's, if it is one whose filter is known and that is faster so. */
function planOf(node: Node, block: number): Plan | undefined {
  const plain = knownThreeByThree(node);
  if (!plain) return undefined;
  const { K, C, known } = plain;
  const [, , H, W] = (node.outputs[0] as Value).shape as [number, number, number, number];
  if (K % block !== 0 || C % block !== 0 || 9 * K * C * H * W < LEAST_WORK) return undefined;
  const left = (m: number) => ((m + 2) * Math.ceil(H / m)) / (3 * H);
  const m = TILES.reduce((best, next) => (left(next) < WORTH * left(best) ? next : best));
  if (left(m) > MOST_LEFT) return undefined;
  return { form: transformsOf(m), tiles: Math.ceil(H / m), together: H * W <= FEW_PIXELS, known };
}

/** The convolution, in blocks; undefined where it is better as it is. */
export function winogradRows(forms: Forms, node: Node): Value | undefined {
  const plan = planOf(node, forms.block);
  if (!plan) return undefined;
  const { out: g, block: b } = forms;
  const { tiles, form, together } = plan;
  const { m, A } = form;
  const n = m + 2;
  const [map, filter, bias] = node.inputs as [Value, Value, Value | undefined];
  const [K] = filter.shape as [number];
  const [N] = map.shape as [number];
  const [, , H, W] = (node.outputs[0] as Value).shape as [number, number, number, number];
  const [top, left, , right] = node.attrs.pads as [number, number, number, number];

  const V = transformedMap(g, forms.blocked(map), plan, top, b);
  const U = transformedFilter(g, filter.shape, plan, b);
  // A bias comes in where all m values see it: at the point 1, the second.
  const zeros = (count: number) => g.constant(new Float32Array(count), [count], "float32");
  const biases = bias && concat(g, [zeros(K), forms.plain(bias), zeros((n - 2) * K)], 0);
  const [images, rows] = together ? [1, N * tiles] : [N, tiles];
  const window = { pads: [0, left, 0, right], group: n };
  const M = convolution(g, [V, U, ...(biases ? [biases] : [])], [images, n * K, rows, W], window);

  // Aᵀ M: a row of each tile, then the next, and these woven.
  const line = W * b;
  const At = matrix(g, [m, n], (k, p) => A[p]?.[k] as number);
  const y = matMul(g, At, reshape(g, M, [images, n, (K / b) * rows * line]));
  if (together) {
    const woven = transpose(g, reshape(g, y, [m, K / b, N, tiles, line]), [2, 1, 3, 0, 4]);
    const whole = reshape(g, woven, [(N * K) / b, m * tiles, line]);
    return reshape(g, slice(g, whole, [0, 0, 0], [(N * K) / b, H, line]), [N, K, H, W]);
  }
  const at = (c: number, row: number) => ((row % m) * (K / b) + c) * tiles + Math.floor(row / m);
  const runs = range(K / b).flatMap((c) => range(H).map((row) => at(c, row)));
  return reshape(g, gatherAt(g, reshape(g, y, [N, m * (K / b) * tiles, line]), runs, 1), [N, K, H, W]);
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/**
 * Bᵀ d of a map [N, C, height, width] in blocks, whose first tile begins `top` rows above it: [N, n C, tiles, width], or
 * [1, n C, N tiles, width]. What a tile sees outside of the map meets a zero in the matrix.
 */
function transformedMap(g: Graph, map: Value, { form, tiles, together }: Plan, top: number, b: number): Value {
  const { m, Bt } = form;
  const n = m + 2;
  const [N, C, height, width] = map.shape as [number, number, number, number];
  const line = width * b;
  const begin = (tile: number) => m * tile - top;
  // Of a low map all rows at once, though most meet zeros; of a high one each tile's.
  const low = height <= LOW;
  const [groups, span] = low ? [1, tiles] : [tiles, 1];
  const seen = low ? range(height) : range(tiles).flatMap((tile) => range(n).map((j) => begin(tile) + j));
  const inside = seen.map((row) => Math.min(Math.max(row, 0), height - 1));
  const planes = reshape(g, map, [(N * C) / b, height, line]);
  const rows = seen.length / groups;
  const d = reshape(g, low ? planes : gatherAt(g, planes, inside, 1), [N, C / b, groups, rows, line]);
  const by = matrix(g, [groups, n, span, rows], (group, p, i, r) => {
    const row = seen[group * rows + r] as number;
    const outside = row !== inside[group * rows + r];
    return outside ? 0 : (Bt[p]?.[row - begin(group * span + i)] ?? 0);
  });
  const V = matMul(g, reshape(g, by, [groups, n * span, rows]), d); // [N, C / b, groups, n span, line]
  if (together) {
    const apart = transpose(g, reshape(g, V, [N, C / b, n, tiles * line]), [2, 1, 0, 3]);
    return reshape(g, apart, [1, n * C, N * tiles, width]);
  }
  // From [C / b, groups, n, span] to [n, C / b, groups, span]. A gather has all threads, where a transpose has one.
  const runs = range(n).flatMap((p) => range((C / b) * groups).map((q) => q * n + p));
  return reshape(g, gatherAt(g, reshape(g, V, [N, runs.length, span * line]), runs, 1), [N, n * C, tiles, width]);
}

/**
 * G g of a filter [K, C, 3, 3], each of its columns by itself, in blocks: [n K, C, 1, 3]. ONNX Runtime makes the product, as a session
 * opens: the file would be three times as large.
 */
function transformedFilter(g: Graph, shape: readonly number[], { form: { G }, known }: Plan, b: number): Value {
  const [K, C] = shape as [number, number];
  const rows = g.constant(() => rowsOfFilter(known(), shape, b), [3, K * C * 3], "float32");
  const by = matrix(g, [G.length, 3], (p, r) => G[p]?.[r] as number);
  return reshape(g, matMul(g, by, rows), [G.length * K, C, 1, 3]);
}

/** A constant of values by their indices. */
function matrix(g: Graph, shape: readonly number[], value: (...index: number[]) => number): Value {
  const all = shape.reduce<number[][]>((list, size) => list.flatMap((at) => range(size).map((i) => [...at, i])), [[]]);
  const values = Float32Array.from(all, (index) => value(...index));
  return g.constant(values, shape, "float32");
}
