/** Random small networks: what the compiled graph gives, forward and backward, is what eager tfjs gives. */
import { expectClose, maxRelativeError } from "@repo/testing";
import {
  add,
  avgPool,
  concat,
  conv2d,
  createRng,
  gelu,
  grads,
  layerNorm,
  matMul,
  maxPool,
  mean,
  mul,
  ones,
  pad,
  relu,
  reshape,
  sigmoid,
  slice,
  softmax,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor4D,
  tanh,
  tensor,
  tidy,
  transpose,
  useBackend,
  zeros,
} from "@vitrail/tensor";
import fc from "fast-check";
import { beforeAll, describe, test } from "vitest";
import { optimise } from "./passes/index.ts";
import { runGraph, type Values } from "./testing.ts";
import { trace } from "./trace.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const SHAPE = [2, 7, 6, 3] as const;

/** A layer: from a map [N, H, W, C] to another one. `weight` gives it what it learns. */
type Layer = (x: Tensor4D, weight: (...shape: number[]) => Tensor) => Tensor;

const channels = (x: Tensor) => x.shape[3] as number;
const window = (x: Tensor, k: number) => Math.min(k, x.shape[1] as number, x.shape[2] as number);

const conv =
  (k: number, stride: number, padding: number, out: number): Layer =>
  (x, weight) => {
    const size = window(x, k);
    const sides = [padding, padding] as [number, number];
    const padded = padding ? pad(x, [[0, 0], sides, sides, [0, 0]]) : x;
    return conv2d(padded, weight(size, size, channels(x), out) as Tensor4D, stride, "valid");
  };

const layers: Readonly<Record<string, Layer>> = {
  "conv 3x3": conv(3, 1, 1, 4),
  "conv 3x3 stride 2": conv(3, 2, 1, 5),
  "conv 1x1": conv(1, 1, 0, 17),
  "conv 1x1 stride 2": conv(1, 2, 0, 3),
  "conv 2x2 patches": conv(2, 2, 0, 4),
  "conv 5x5 padded by 1": conv(5, 1, 1, 3),
  "max-pool": (x) => {
    const around = [1, 1] as [number, number];
    const padded = pad(x, [[0, 0], around, around, [0, 0]], Number.NEGATIVE_INFINITY);
    return maxPool(padded, window(padded, 3), 2, "valid"); // 3 by 3: no window of padding alone
  },
  "average pool": (x) => avgPool(x, window(x, 2), 1, "valid"),
  "pixels of a stride": (x) => avgPool(x, 1, 2, "valid"),
  "batch normalisation": (x, weight) => {
    // Three quarters of the mean, not all of it: the network ends in means over pixels, and of what is centred exactly they
    // are zero but for rounding. The slopes of this scale, and of any shift before it, would then be differences of equal
    // numbers: torch in fp32 misses its own float64 by 6e-4 there.
    const centred = sub(x, mul(mean(x as Tensor, [0, 1, 2]), 0.75));
    const variance = mean(square(centred), [0, 1, 2]);
    return add(mul(mul(centred, weight(channels(x))), sigmoid(variance)), weight(channels(x)));
  },
  "layer normalisation": (x, weight) => layerNorm(x, weight(channels(x)), weight(channels(x)), 0.1),
  gelu: (x) => gelu(x),
  relu: (x) => relu(x),
  tanh: (x) => tanh(x),
  "softmax over channels": (x) => softmax(x),
  "residual branch": (x, weight) => add(x, conv2d(x, weight(1, 1, channels(x), channels(x)) as Tensor4D, 1, "same")),
  "channel factors": (x) => mul(x, sigmoid(mean(x as Tensor, [1, 2], true))),
  "channels twice": (x) => concat([x, mul(x, 2)], 3),
  "new zero channels": (x) =>
    pad(x, [
      [0, 0],
      [0, 0],
      [0, 0],
      [1, 2],
    ]),
  "one row less": (x) => ((x.shape[1] as number) > 1 ? slice(x, [0, 1, 0, 0], [-1, -1, -1, -1]) : x),
  "rows for columns": (x) => transpose(x, [0, 2, 1, 3]),
  "attention over pixels": (x, weight) => {
    const [n, h, w, c] = x.shape;
    const flat = reshape(x, [n, h * w, c]);
    // Normalised first, as every network does: maps that have grown give scores of hundreds, whose softmax is all or
    // nothing, and slopes that are what rounding left of it (torch in fp32 misses its own float64 by 5e-4 there).
    const unit = layerNorm(flat, ones([c]), zeros([c]), 0.1);
    const q = reshape(matMul(reshape(unit, [-1, c]), weight(c, c) as never), [n, h * w, c]);
    // Added to what it read: means over pixels alone would leave a second attention nothing to tell apart.
    return add(x, reshape(matMul(softmax(mul(matMul(q, unit, false, true), 1 / c)), flat), x.shape));
  },
};

/**
 * The layers one after another, then one number a channel. Weights come from the seed, or from `given` in order; each
 * layer's result goes through `between`.
 */
function network(names: readonly string[], seed: number, given?: readonly Tensor[], between = (y: Tensor) => y) {
  const made: Tensor[] = [];
  const weight = (...shape: number[]): Tensor => {
    const i = made.length;
    const size = shape.reduce((n, d) => n * d, 1);
    const next = given
      ? (given[i] as Tensor)
      : tensor(
          createRng(seed)
            .at(i)
            .normal(size)
            .map((v) => v / 2),
          shape,
        );
    made.push(next);
    return next;
  };
  const run = (x: Tensor): Tensor => {
    let y = x as Tensor4D;
    for (const name of names) y = between((layers[name] as Layer)(y, weight)) as Tensor4D;
    return mean(y as Tensor, [1, 2]);
  };
  return { run, made };
}

const programs = fc.tuple(
  fc.array(fc.constantFrom(...Object.keys(layers)), { minLength: 1, maxLength: 5 }),
  fc.integer({ min: 0, max: 1000 }),
);

/** A few roundings' worth of noise. */
function rounded(y: Tensor): Tensor {
  const noise = createRng(y.size).uniform(y.size);
  return mul(
    y,
    tensor(
      noise.map((u) => 1 + (u - 0.5) * 6e-7),
      y.shape,
    ),
  );
}

const values = (shape: readonly number[], seed: number): Values => ({
  dims: shape,
  data: createRng(seed)
    .at("x")
    .normal(shape.reduce((n, d) => n * d, 1)),
});

describe("a compiled network is the eager one", () => {
  test("forward, with a dynamic batch", async () => {
    await fc.assert(
      fc.asyncProperty(programs, async ([names, seed]) => {
        // Statistics over the batch would fix N in a constant's place: they belong to training.
        const kept = names.filter((name) => name !== "batch normalisation");
        const graph = trace((x) => network(kept, seed).run(x), [{ name: "x", shape: [null, ...SHAPE.slice(1)] }]);
        optimise(graph, { contrib: true });
        const feed = values(SHAPE, seed);
        const { output } = await runGraph(graph, { x: feed });
        const expected = tidy(() => network(kept, seed).run(tensor(feed.data, [...SHAPE])));
        expectClose((output as Values).data, expected.dataSync(), 1e-4, kept.join(", "));
        expected.dispose();
      }),
      { numRuns: 60 },
    );
  });

  test("backward, for the input and every weight", async () => {
    await fc.assert(
      fc.asyncProperty(programs, async ([names, seed]) => {
        const feed = values(SHAPE, seed);
        const shapes = tidy(() => {
          const { run, made } = network(names, seed);
          run(tensor(feed.data, [...SHAPE]));
          return made.map((w) => ({ dims: w.shape, data: w.dataSync() as Float32Array }));
        });
        const slopesOf =
          (between?: (y: Tensor) => Tensor) =>
          (x: Tensor, ...weights: Tensor[]): Record<string, Tensor> => {
            const f = (y: Tensor, ...w: Tensor[]) => sum(square(add(network(names, seed, w, between).run(y), 0.5)));
            const all = grads(f as never)([x, ...weights]) as Tensor[];
            return Object.fromEntries(all.map((t, i) => [`d${i}`, t]));
          };
        const slopes = slopesOf();
        const feeds = Object.fromEntries([feed, ...shapes].map((v, i) => [`x${i}`, v]));
        const tensors = Object.values(feeds).map(({ dims, data }) => tensor(data, [...dims]));
        const expected = tidy(() => slopes(tensors[0] as Tensor, ...tensors.slice(1)));
        // Where the eager slopes themselves follow rounding (attention over pixels that a pool has made equal, a value at a
        // kink), the difference of two right answers says nothing: such a network is not judged.
        const moved = tidy(() => slopesOf(rounded)(tensors[0] as Tensor, ...tensors.slice(1)));
        const error = (name: string) =>
          maxRelativeError((moved[name] as Tensor).dataSync(), (expected[name] as Tensor).dataSync());
        fc.pre(Object.keys(expected).every((name) => error(name) < 1e-5));
        const graph = trace(
          slopes,
          Object.entries(feeds).map(([name, { dims }]) => ({ name, shape: dims })),
        );
        optimise(graph, { contrib: true });
        const actual = await runGraph(graph, feeds);
        for (const [name, t] of Object.entries(expected)) {
          expectClose((actual[name] as Values).data, t.dataSync(), 1e-4, `${names.join(", ")}: ${name}`);
          t.dispose();
        }
        for (const t of tensors) t.dispose();
      }),
      { numRuns: 60 },
    );
  });
});
