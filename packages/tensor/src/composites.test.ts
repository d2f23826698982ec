import { readFileSync } from "node:fs";
import { expectClose, onBackends } from "@repo/testing";
import { expect, test } from "vitest";
import {
  add,
  batchNormTraining,
  createRng,
  dispose,
  dropout,
  dropPath,
  gelu,
  geluTanh,
  grads,
  layerNorm,
  mean,
  memory,
  mul,
  quickGelu,
  rmsNorm,
  rsqrt,
  scaledDotProductAttention,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
  tidy,
} from "./index.ts";

interface Stored {
  readonly shape: number[];
  readonly data: number[];
}
interface Case {
  readonly name: string;
  readonly options: { readonly eps?: number; readonly scale?: number };
  readonly inputs: Record<string, Stored>;
  readonly dy: Stored;
  readonly out: Stored;
  readonly grads: Record<string, Stored>;
}
const { cases } = JSON.parse(readFileSync(new URL("__goldens__/composites.json", import.meta.url), "utf8")) as {
  cases: Case[];
};

type Op = (inputs: Tensor[], options: Case["options"]) => Tensor;
const ops: Record<string, Op> = {
  gelu: ([x]) => gelu(x as Tensor),
  geluTanh: ([x]) => geluTanh(x as Tensor),
  quickGelu: ([x]) => quickGelu(x as Tensor),
  layerNorm: ([x, gamma, beta], { eps }) => layerNorm(x as Tensor, gamma as Tensor, beta as Tensor, eps),
  rmsNorm: ([x, gamma], { eps }) => rmsNorm(x as Tensor, gamma as Tensor, eps),
  attention: ([q, k, v, mask], options) =>
    scaledDotProductAttention(q as Tensor, k as Tensor, v as Tensor, mask ? { ...options, mask } : options),
};

onBackends(["cpu", "wasm", "tfjs-node"], () => {
  test.each(cases.map((c, i) => [c.name, i, c] as const))(
    "%s (case %i) has torch's values and gradients",
    (name, _, c) => {
      const before = memory().numTensors;
      const inputs = Object.values(c.inputs).map(({ shape, data }) => tensor(data, shape));
      const op = ops[name] as Op;
      const out = op(inputs, c.options);
      expect(out.shape).toEqual(c.out.shape);
      expectClose(out.dataSync(), c.out.data, 1e-6, "the value");
      const dy = tensor(c.dy.data, c.dy.shape);
      const found = grads((...args: Tensor[]) => op(args, c.options))(inputs, dy);
      Object.entries(c.grads).forEach(([key, expected], i) => {
        expect(found[i]?.shape).toEqual(expected.shape);
        expectClose((found[i] as Tensor).dataSync(), expected.data, 2e-6, `the gradient in ${key}`);
      });
      dispose([...inputs, out, dy, ...found]);
      expect(memory().numTensors).toBe(before);
    },
  );

  test("gelu is within 1e-6 of torch's at every point, not only of its scale", () => {
    const { inputs, out } = cases.find((c) => c.name === "gelu") as Case;
    const values = tidy(() => gelu(tensor((inputs.x as Stored).data)).dataSync());
    out.data.forEach((expected, i) => {
      expect(Math.abs((values[i] as number) - expected)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(expected)));
    });
  });

  test.each(cases.map((c, i) => [c.name, i, c] as const))("%s (case %i) has the slope of its values", (name, _, c) => {
    const op = ops[name] as Op;
    const inputs = Object.values(c.inputs).map(({ shape, data }) =>
      tensor(
        data.map((v) => v * 0.5),
        shape,
      ),
    );
    const weights = tensor(c.dy.data, c.dy.shape);
    const loss = (args: Tensor[]) => sum(mul(op(args, c.options), weights));
    const found = grads((...args: Tensor[]) => loss(args))(inputs);
    inputs.forEach((input, i) => {
      const direction = tensor(createRng(7).at(i).normal(input.size), input.shape);
      const at = (h: number) =>
        tidy(() => {
          const moved = inputs.map((t, j) =>
            j === i
              ? tensor(
                  input.dataSync().map((v, e) => v + h * (direction.dataSync()[e] as number)),
                  input.shape,
                )
              : t,
          );
          return loss(moved).dataSync()[0] as number;
        });
      const h = 2e-2;
      const slope = (8 * (at(h / 2) - at(-h / 2)) - (at(h) - at(-h))) / (6 * h);
      const expected = tidy(() => sum(mul(found[i] as Tensor, direction)).dataSync()[0] as number);
      const scale = Math.max(1, ...Array.from(found[i]?.dataSync() ?? [], Math.abs)) * Math.sqrt(input.size);
      expect(Math.abs(slope - expected) / scale).toBeLessThan(1e-3);
    });
  });

  test("dropout keeps the expectation, the seed its values, and the gradient the mask", () => {
    const rng = createRng(3).at("dropout");
    const before = memory().numTensors;
    tidy(() => {
      const x = tensor(new Float32Array(20_000).fill(1), [100, 200]);
      const y = dropout(x, 0.25, rng);
      const values = y.dataSync();
      expect(new Set(values)).toEqual(new Set([0, Math.fround(4 / 3)]));
      expect(Array.from(values).reduce((a, b) => a + b, 0) / values.length).toBeCloseTo(1, 1);
      expect(dropout(x, 0.25, rng).dataSync()).toEqual(values);
      expect(dropout(x, 0.25, rng.at(1)).dataSync()).not.toEqual(values);
      const [dx] = grads((t) => sum(dropout(t, 0.25, rng)))([x]);
      expect(dx?.dataSync()).toEqual(values);
      expect(dropout(x, 0, rng).dataSync()).toEqual(x.dataSync());
    });
    expect(memory().numTensors).toBe(before);
    const x = tensor([1]);
    dropout(x, 0.5, rng).dispose();
    x.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test("dropPath keeps or drops a sample as a whole", () => {
    tidy(() => {
      const x = tensor(new Float32Array(64 * 6).fill(1), [64, 2, 3]);
      const values = dropPath(x, 0.5, createRng(1)).dataSync();
      for (let n = 0; n < 64; n++) expect(new Set(values.slice(6 * n, 6 * n + 6)).size).toBe(1);
      expect(new Set(values)).toEqual(new Set([0, 2]));
    });
  });

  test("a rate of 1 and a scale of the wrong size are refused", () => {
    const x = tensor([[1, 2, 3]]);
    expect(() => dropout(x, 1, createRng(0))).toThrow("expected a rate of 0 or more and below 1, found 1");
    expect(() => layerNorm(x, tensor([1, 2]), tensor([1, 2]))).toThrow("expected gamma of shape [3]");
  });

  test("batchNormTraining has the values and slopes of its formula, and leaves nothing", () => {
    const before = memory().numTensors;
    const rng = createRng(3);
    const shapes = [[2, 3, 4, 5], [5], [5]] as const;
    const inputs = shapes.map((shape, i) =>
      tensor(rng.at(i).normal(shape.reduce<number>((n, d) => n * d, 1)), [...shape]),
    );
    const dy = tensor(rng.at("dy").normal(120), [2, 3, 4, 5]);
    const plain = (x: Tensor, gamma: Tensor, beta: Tensor) => {
      const centred = sub(x, mean(x, [0, 1, 2]));
      const variance = mean(square(centred), [0, 1, 2]);
      return add(mul(mul(centred, rsqrt(add(variance, 0.1))), gamma), beta);
    };
    const ours = (x: Tensor, gamma: Tensor, beta: Tensor) => {
      const { y, mean: m, variance } = batchNormTraining(x, gamma, beta, 0.1);
      dispose([m, variance]);
      return y;
    };
    const [a, b] = [ours, plain].map((f) => tidy(() => f(...(inputs as [Tensor, Tensor, Tensor]))));
    expectClose((a as Tensor).dataSync(), (b as Tensor).dataSync(), 1e-6);
    const slopesOf = (f: typeof ours) => grads(f as (...x: Tensor[]) => Tensor)(inputs, dy);
    const [found, expected] = [slopesOf(ours), slopesOf(plain)];
    for (const [i, slope] of found.entries()) {
      expectClose(slope.dataSync(), (expected[i] as Tensor).dataSync(), 2e-6, `the gradient in operand ${i}`);
    }
    dispose([...inputs, dy, a as Tensor, b as Tensor, ...found, ...expected]);
    expect(memory().numTensors).toBe(before);
  });
});
