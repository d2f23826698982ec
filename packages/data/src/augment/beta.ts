import type { Draws } from "./draws.ts";

/**
 * A draw from Beta(a, b), exact, by the two methods that numpy uses: Jöhnk's rejection (1964) where both are at most 1, in
 * logarithms where the powers underflow; else x / (x + y) of two Gamma draws.
 */
export function beta(a: number, b: number, draws: Draws): number {
  if (a <= 1 && b <= 1) {
    for (;;) {
      const u = 1 - draws.unit(); // never 0
      const v = 1 - draws.unit();
      const x = u ** (1 / a);
      const y = v ** (1 / b);
      if (x + y > 1) continue;
      if (x + y > 0) return x / (x + y);
      const logX = Math.log(u) / a;
      const logY = Math.log(v) / b;
      const most = Math.max(logX, logY);
      return Math.exp(logX - most - Math.log(Math.exp(logX - most) + Math.exp(logY - most)));
    }
  }
  const x = gamma(a, draws);
  return x / (x + gamma(b, draws));
}

/** A draw from Gamma(shape, 1): "A simple method for generating gamma variables", Marsaglia and Tsang, 2000. */
function gamma(shape: number, draws: Draws): number {
  // Gamma(s) = Gamma(s + 1) U^(1/s).
  if (shape < 1) return gamma(shape + 1, draws) * (1 - draws.unit()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = draws.normal();
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    if (Math.log(1 - draws.unit()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}
