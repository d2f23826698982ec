import { expectClose } from "@repo/testing";
import { engine, type Tensor } from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { createRng, tensor, useBackend } from "../index.ts";

beforeAll(() => useBackend("cpu"));

const random = (shape: number[], seed: number) =>
  tensor(createRng(seed).normal(shape.reduce((a, b) => a * b, 1)), shape);

async function onBoth(run: () => Tensor): Promise<[Float32Array, Float32Array]> {
  const values: Float32Array[] = [];
  for (const backend of ["cpu", "wasm"] as const) {
    await useBackend(backend);
    const before = engine().memory().numTensors;
    const out = run();
    values.push((await out.data()) as Float32Array);
    out.dispose();
    expect(engine().memory().numTensors).toBe(before);
  }
  return values as [Float32Array, Float32Array];
}

type Pad = "same" | "valid" | [[number, number], [number, number], [number, number], [number, number]];
const around = (p: number): Pad => [
  [0, 0],
  [p, p],
  [p, p],
  [0, 0],
];
const cases: [number, number, number, number, number, number, number, number, Pad][] = [];
for (const [k, pads] of [
  [1, ["same", "valid"]],
  [2, ["same", "valid", around(1)]],
  [3, ["same", "valid", around(1), around(2)]],
  [5, ["same", around(2)]],
  [7, [around(3)]],
] as [number, Pad[]][]) {
  for (const pad of pads) {
    for (const [s, h, w, ci, co] of [
      [1, 9, 7, 3, 4],
      [2, 9, 8, 17, 5],
      [2, 12, 10, 2, 3],
      [3, 11, 13, 4, 2],
    ] as const) {
      cases.push([k, s, 3, h, w, ci, co, 0, pad]);
    }
  }
}

test.each(cases)(
  "the filter's gradient of a %i x %i / %i convolution equals cpu's",
  async (k, s, n, h, w, ci, co, _, pad) => {
    const outSize = (side: number, p: Pad, axis: 1 | 2) =>
      p === "same"
        ? Math.ceil(side / s)
        : Math.floor((side - k + (p === "valid" ? 0 : p[axis][0] + p[axis][1])) / s) + 1;
    const x = random([n, h, w, ci], 1);
    const dy = random([n, outSize(h, pad, 1), outSize(w, pad, 2), co], 2);
    const attrs = { strides: [s, s], pad, dataFormat: "NHWC", filterShape: [k, k, ci, co] };
    const [cpu, wasm] = await onBoth(
      () => engine().runKernel("Conv2DBackpropFilter", { x, dy } as never, attrs as never) as Tensor,
    );
    expectClose(wasm, cpu, 2e-6);
    x.dispose();
    dy.dispose();
  },
);
