/** Winograd's convolutions in blocks against plain ones, in this machine's own block size; without blocks these tests skip. */
import { expectClose } from "@repo/testing";
import {
  add,
  conv2d,
  createRng,
  maxPool,
  mean,
  relu,
  type Tensor,
  type Tensor4D,
  tensor,
  useBackend,
} from "@vitrail/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import { storeHalf } from "../compress/half.ts";
import type { Graph } from "../ir.ts";
import { opsOf, runGraph, thisBlock, traced } from "../testing.ts";
import { blockConvolutions } from "./blocked.ts";
import { hasWinograd } from "./blocked-winograd.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const block = await thisBlock();
const without = block === 1 ? " (skipped: this processor has no blocks)" : "";

const filter = (seed: number, k: number, from: number, to: number) =>
  tensor(
    createRng(seed)
      .normal(k * k * from * to)
      .map((v) => v / (k * Math.sqrt(from))),
    [k, k, from, to],
  );
const conv = (x: Tensor, w: Tensor, stride = 1, pad: "same" | "valid" = "same"): Tensor =>
  conv2d(x as Tensor4D, w as Tensor4D, stride, pad);
const biasOf = (channels: number) => tensor(createRng(2).normal(channels), [channels]);

/** Rows of a tile of each of a graph's Winograd's convolutions: their products are in groups, two more. */
const tilesOf = (graph: Graph) =>
  graph.nodes
    .filter(({ op, attrs }) => op === "Conv" && String(attrs.kernel_shape) === "1,3")
    .map(({ attrs }) => (attrs.group as number) - 2);

async function expectSame(plain: Graph, made: Graph, images = 2) {
  const [{ name, value }] = plain.inputs as [Graph["inputs"][number]];
  const dims = [images, ...value.shape.slice(1)];
  const x = { dims, data: createRng(3).normal(dims.reduce((a, b) => a * b)) };
  const [a, b] = [await runGraph(plain, { [name]: x }), await runGraph(made, { [name]: x })];
  for (const [output, { dims: shape, data }] of Object.entries(a)) {
    expect(b[output]?.dims).toEqual(shape);
    expectClose(b[output]?.data as Float32Array, data, 1e-5, output);
  }
}

describe.skipIf(block === 1)(`Winograd's convolutions in blocks${without}`, () => {
  test.each([
    [56, 56, 64, "same", 7],
    [30, 28, 128, "same", 6],
    [16, 32, 192, "same", 4], // tiles of 6 have as many products
    [20, 40, 128, "same", 7], // a row is cut
    [37, 30, 128, "valid", 7],
    [7, 7, 512, "same", 7], // images together
    [8, 8, 448, "same", 4],
  ] as const)("%i x %i, %i channels, %s: tiles of %i rows", async (height, width, channels, pad, m) => {
    const f = (x: Tensor) => relu(add(conv(x, filter(1, 3, channels, channels), 1, pad), biasOf(channels)));
    const plain = traced(f, [[null, height, width, channels]]);
    const made = blockConvolutions(plain, block);
    expect(tilesOf(made)).toEqual([m]);
    await expectSame(plain, made, 3);
    await expectSame(plain, made, 1);
  });

  test("between other ops of a network, sums and a ReLU on them included, no map leaves its blocks", async () => {
    const [a, b, c] = [filter(1, 3, 64, 64), filter(4, 3, 64, 64), filter(5, 1, 64, 128)];
    const f = (image: Tensor) => {
      const x = maxPool(relu(conv(image, filter(6, 7, 3, 64), 2)) as Tensor4D, 3, 2, "same");
      const y = relu(add(conv(relu(conv(x, a)), b), x));
      return mean(relu(conv(y, c)), [1, 2]);
    };
    const plain = traced(f, [[null, 224, 224, 3]]);
    const made = blockConvolutions(plain, block);
    expect(tilesOf(made)).toEqual([7, 7]);
    const ops = opsOf(made);
    for (const op of ["ReorderInput", "ReorderOutput", "Add"]) expect(ops).not.toContain(op);
    expect(ops.filter((op) => op === "Relu")).toHaveLength(1); // the others are in convolutions
    await expectSame(plain, made);
  });

  test("whose result is read twice, or given out", async () => {
    const f = (x: Tensor) => {
      const y = conv(x, filter(1, 3, 128, 128));
      return { y, rectified: relu(y), more: conv(y, filter(2, 3, 128, 128)) };
    };
    const plain = traced(f, [[null, 28, 28, 128]]);
    await expectSame(plain, blockConvolutions(plain, block));
  });

  test("with filters in half precision", async () => {
    const f = (x: Tensor) => conv(conv(x, filter(1, 3, 128, 128)), filter(2, 1, 128, 64));
    const half = storeHalf(traced(f, [[null, 28, 28, 128]]));
    const made = blockConvolutions(half, block);
    expect(opsOf(made)).not.toContain("Cast");
    expect(tilesOf(made)).toEqual([7]);
    await expectSame(half, made);
  });
});

test("are for blocks of 8, convolutions of 3 x 3 with much to do, and nothing quantised", () => {
  const graphOf = (f: (x: Tensor) => Tensor, size = 28, channels = 128) => traced(f, [[null, size, size, channels]]);
  const plain = graphOf((x) => conv(x, filter(1, 3, 128, 128)));
  expect(hasWinograd(plain)).toBe(true);
  expect(hasWinograd(plain, 16)).toBe(false);
  const without = [
    graphOf((x) => conv(x, filter(1, 3, 128, 128), 2)),
    graphOf((x) => conv(x, filter(1, 5, 128, 128))),
    graphOf((x) => conv(x, filter(1, 3, 128, 128)), 14),
    graphOf((x) => conv(x, filter(1, 3, 128, 130)), 56),
    graphOf((x) => conv2d(x as Tensor4D, filter(1, 3, 128, 128) as Tensor4D, 1, "same", "NHWC", 2)),
    traced(
      (x, w) => conv(x, w),
      [
        [1, 28, 28, 128],
        [3, 3, 128, 128],
      ],
    ), // a filter that is an input
  ];
  for (const graph of without) expect(hasWinograd(graph)).toBe(false);
  const [{ value }] = plain.outputs as [Graph["outputs"][number]];
  plain.outputs = [{ name: "y", value: plain.add("QuantizeLinear", [value], {}, value.shape, "uint8") }];
  expect(hasWinograd(plain)).toBe(false);
});
