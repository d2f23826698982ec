/**
 * The matrices of F(m, 3): m values of a filter of three taps from m + 2 products, as y = Aᵀ [(G g) ⊙ (Bᵀ d)]. Lavin and Gray 2015,
 * https://arxiv.org/abs/1509.09308; the names are the paper's.
 */
export type Matrix = readonly (readonly number[])[];

/** What F(m, 3) multiplies by, each of n = m + 2 rows. */
export interface Transforms {
  readonly m: number;
  readonly G: Matrix;
  /** Bᵀ. */
  readonly Bt: Matrix;
  /** A. */
  readonly A: Matrix;
}

/**
 * Points, all powers of two or few bits from them so that the matrices are exact. For F(4, 3) these err less than the paper's (Barabasz
 * et al. 2018, https://arxiv.org/abs/1803.10986).
 */
const POINTS: Readonly<Record<number, readonly number[]>> = {
  2: [0, 1, -1],
  4: [0, 1, -1, 1 / 2, -2],
  6: [0, 1, -1, 1 / 2, -1 / 2, 2, -2],
  7: [0, 1, -1, 1 / 2, -1 / 2, 3 / 2, -2, -3 / 4],
};

/**
 * Toom and Cook's construction from n − 1 points and infinity. Between taps powers of two are moved from Bᵀ to G, which keeps
 * sizes alike and costs no bit. `m` is 2, 4, 6 or 7.
 */
export function transformsOf(m: number): Transforms {
  const points = POINTS[m] as readonly number[];
  const powers = (p: number, count: number) => Array.from({ length: count }, (_, k) => p ** k);
  const others = (p: number) => points.filter((q) => q !== p);
  const last = (count: number) => [...new Array<number>(count - 1).fill(0), 1];
  const rows = points.map((p) => {
    const Bt = [...polynomial(others(p)), 0];
    const scale = 2 ** Math.round(Math.log2(Math.max(...Bt.map(Math.abs))));
    const f = others(p).reduce((product, q) => product * (p - q), 1);
    return { Bt: Bt.map((v) => v / scale), G: powers(p, 3).map((v) => (v * scale) / f), A: powers(p, m) };
  });
  rows.push({ Bt: polynomial(points), G: last(3), A: last(m) });
  return { m, G: rows.map(({ G }) => G), Bt: rows.map(({ Bt }) => Bt), A: rows.map(({ A }) => A) };
}

/** Coefficients of Π (x − root), the constant one first. */
function polynomial(roots: readonly number[]): number[] {
  let c = [1];
  for (const root of roots) c = [...c, 0].map((_, i) => (c[i - 1] ?? 0) - root * (c[i] ?? 0));
  return c;
}
