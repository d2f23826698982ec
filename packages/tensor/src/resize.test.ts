import { expectClose, onBackends } from "@repo/testing";
import { expect, test } from "vitest";
import { createRng, dispose, grads, mul, resizeBilinear, sum, type Tensor, tensor } from "./index.ts";

onBackends(["cpu", "wasm", "tfjs-node"], () => {
  test("bilinear enlarging takes pixels for squares, as torch's align_corners=False does", () => {
    const row = tensor([0, 4, 8], [1, 1, 3, 1]);
    const wide = resizeBilinear(row, [2, 6]);
    expect(wide.shape).toEqual([1, 2, 6, 1]);
    expectClose(wide.dataSync(), [0, 1, 3, 5, 7, 8, 0, 1, 3, 5, 7, 8], 1e-6);
    dispose([row, wide]);
  });

  test("its gradient is the transpose of what it does", () => {
    const rng = createRng(5);
    for (const [from, to] of [
      [
        [3, 4],
        [7, 5],
      ],
      [
        [6, 5],
        [3, 2],
      ],
    ] as const) {
      const x = tensor(rng.normal(2 * from[0] * from[1] * 3), [2, ...from, 3]);
      const dy = tensor(rng.normal(2 * to[0] * to[1] * 3), [2, ...to, 3]);
      const y = resizeBilinear(x as never, to);
      const [dx] = grads((z) => sum(mul(resizeBilinear(z as never, to), dy)))([x]) as [Tensor];
      const inner = (a: Tensor, b: Tensor) =>
        a.dataSync().reduce((total, v, i) => total + v * (b.dataSync()[i] as number), 0);
      expect(inner(y, dy)).toBeCloseTo(inner(x, dx), 3); // ⟨R x, dy⟩ = ⟨x, Rᵀ dy⟩
      dispose([x, dy, y, dx]);
    }
  });
});
