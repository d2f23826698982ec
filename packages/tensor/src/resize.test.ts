import { expectClose, onBackends } from "@repo/testing";
import { expect, test } from "vitest";
import { createRng, dispose, grad, mul, resizeBilinear, sum, type Tensor4D, tensor4d } from "./index.ts";

onBackends(["cpu", "wasm", "tfjs-node"], () => {
  test("bilinear enlarging takes pixels for squares, as torch's align_corners=False does", () => {
    const row = tensor4d([0, 4, 8], [1, 1, 3, 1]);
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
      const [x, dy] = [[...from], [...to]].map((size) => {
        const shape = [2, ...size, 3] as [number, number, number, number];
        return tensor4d(rng.normal(shape.reduce((a, b) => a * b)), shape);
      }) as [Tensor4D, Tensor4D];
      const y = resizeBilinear(x, to);
      const dx = grad((z) => sum(mul(resizeBilinear(z as Tensor4D, to), dy)))(x);
      // ⟨R x, dy⟩ = ⟨x, Rᵀ dy⟩
      const [there, back] = [sum(mul(y, dy)), sum(mul(x, dx))].map((t) => t.dataSync()[0] as number);
      expect(there).toBeCloseTo(back as number, 3);
      dispose([x, dy, y, dx]);
    }
  });
});
