/**
 * Winograd's convolutions: F(m × m, 3 × 3) makes an m × m tile of the output from (m + 2)² products instead of 9 m², as
 * Y = Aᵀ [Σ (G g Gᵀ) ⊙ (Bᵀ d B)] A. Lavin and Gray 2015, https://arxiv.org/abs/1509.09308; the names are the paper's.
 *
 * For sessions in WebAssembly: its matrix products run at about an eighth of native speed, so that fewer of them are worth more
 * passes. Both transforms are convolutions of single channels, and all products of a tap are one MatMul.
 */
import { matMul, reshape, transpose } from "../build.ts";
import { type Graph, type Node, rebuilt, type Value } from "../ir.ts";
import { knownThreeByThree } from "./match.ts";
import { type Matrix, type Transforms, transformsOf } from "./toom-cook.ts";

/** Tiles, the largest first. */
const TILES = [4, 2];

/** Fewer channels, or fewer tiles in an image, make products too small to be worth the passes (measured, docs/decisions/0010). */
const LEAST_CHANNELS = 64;
const LEAST_TILES = 16;

/** A copy of a graph in which 3 × 3 convolutions with constant filters are Winograd's, where that is faster in WebAssembly. */
export function useWinograd(source: Graph): Graph {
  const known = new Map<string, Value>();
  const forms = TILES.map(transformsOf);
  return rebuilt(source, (g, node, [x, filter, bias]) => {
    const plan = x && planOf(node, x, forms);
    return plan && [winograd(g, x, filter as Value, bias, plan, known)];
  });
}

interface Plan {
  readonly form: Transforms;
  /** Tiles down and across. */
  readonly tiles: readonly [number, number];
  readonly pads: readonly number[];
  /** [N, K, H, W] of the result. */
  readonly shape: readonly number[];
}

function planOf(node: Node, x: Value, forms: readonly Transforms[]): Plan | undefined {
  const { outputs, attrs } = node;
  const plain = knownThreeByThree(node);
  if (!plain || Math.min(plain.K, plain.C) < LEAST_CHANNELS) return undefined;
  const { shape } = outputs[0] as Value;
  const [, , H, W] = shape as [number, number, number, number];
  const [top, left] = attrs.pads as [number, number];
  const [, , height, width] = x.shape as [number, number, number, number];
  for (const form of forms) {
    const { m } = form;
    const tiles = [Math.ceil(H / m), Math.ceil(W / m)] as const;
    if (tiles[0] * tiles[1] < LEAST_TILES) continue;
    const pads = [top, left, m * tiles[0] + 2 - height - top, m * tiles[1] + 2 - width - left];
    return { form, tiles, pads, shape };
  }
  return undefined;
}

function winograd(
  g: Graph,
  d: Value,
  filter: Value,
  bias: Value | undefined,
  { form, tiles, pads, shape }: Plan,
  known: Map<string, Value>,
): Value {
  const { m, G, Bt, A } = form;
  const [K, C] = filter.shape as [number, number];
  const [N, , H, W] = shape as [number, number, number, number];
  const [n, P] = [m + 2, tiles[0] * tiles[1]];
  const taps = n * n;
  /** One filter for each of so many channels, the same for all. */
  const each = (matrix: Matrix, channels: number): Value => {
    const size = matrix[0]?.length as number;
    const key = [n, size, channels].join();
    const values = () => {
      const one = kronecker(matrix);
      const all = new Float32Array(channels * one.length);
      for (let at = 0; at < all.length; at += one.length) all.set(one, at);
      return all;
    };
    const value = known.get(key) ?? g.constant(values, [channels * taps, 1, size, size], "float32");
    known.set(key, value);
    return value;
  };
  const window = (size: number) => ({ kernel_shape: [size, size], strides: [m, m], dilations: [1, 1] });

  // The runtime computes U, [taps, K, C], once, as a session opens.
  const transform = g.constant(() => kronecker(G), [taps, 9], "float32");
  const g9 = transpose(g, reshape(g, filter, [K * C, 9]), [1, 0]);
  const U = reshape(g, matMul(g, transform, g9), [taps, K, C]);
  const V = g.add("Conv", [d, each(Bt, C)], { ...window(n), pads, group: C }, [N, C * taps, ...tiles]);
  const M = matMul(g, U, transpose(g, reshape(g, V, [N, C, taps, P]), [0, 2, 1, 3]));
  const tapsLast = reshape(g, transpose(g, M, [0, 2, 1, 3]), [N, K * taps, ...tiles]);
  const spare = [0, 0, m * tiles[0] - H, m * tiles[1] - W];
  const attrs = { ...window(m), pads: spare, output_padding: [0, 0], group: K };
  return g.add("ConvTranspose", [tapsLast, each(A, K), bias], attrs, shape);
}

/** The Kronecker product of a matrix with itself: [rows², columns²], as a transform of both axes is one of their pairs. */
function kronecker(matrix: Matrix): Float32Array {
  const rows = matrix.flatMap((a) => matrix.map((b) => a.flatMap((u) => b.map((v) => u * v))));
  return Float32Array.from(rows.flat());
}
