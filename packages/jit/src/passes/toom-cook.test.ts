import { createRng } from "@vitrail/tensor";
import { expect, test } from "vitest";
import { type Matrix, transformsOf } from "./toom-cook.ts";

const times = (matrix: Matrix, v: readonly number[]) =>
  matrix.map((row) => row.reduce((sum, m, i) => sum + m * (v[i] as number), 0));

test.each([2, 4, 6, 7])("F(%i, 3) gives what the filter gives, from that many products and two", (m) => {
  const { G, Bt, A } = transformsOf(m);
  const [d, g] = [[...createRng(1).normal(m + 2)], [...createRng(2).normal(3)]] as [number[], number[]];
  const U = times(G, g);
  const M = times(Bt, d).map((v, i) => v * (U[i] as number));
  expect(M).toHaveLength(m + 2);
  const y = Array.from({ length: m }, (_, k) => M.reduce((sum, v, i) => sum + v * (A[i]?.[k] as number), 0));
  for (const [k, v] of y.entries()) {
    expect(v).toBeCloseTo(
      g.reduce((sum, w, i) => sum + w * (d[k + i] as number), 0),
      11,
    );
  }
});
