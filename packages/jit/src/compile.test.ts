import { expectClose } from "@repo/testing";
import {
  add,
  conv2d,
  createRng,
  matMul,
  mul,
  relu,
  reshape,
  sum,
  type Tensor,
  type Tensor4D,
  tensor,
  tensor2d,
  topk,
  useBackend,
  variable,
  zeros,
} from "@vitrail/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import { type Compiled, compile } from "./compile.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const double = (x: Tensor) => mul(x, 2);

describe("compile", () => {
  test("runs a function of one input on values and on tensors, any batch", async () => {
    const f = await compile(double, { input: [null, 3] });
    expect([...(await f.run(Float32Array.of(1, 2, 3, 4, 5, 6)))]).toEqual([2, 4, 6, 8, 10, 12]);
    const x = tensor2d([[1, 2, 3]]);
    const y = await f.run(x);
    expect(y.shape).toEqual([1, 3]);
    expect([...y.dataSync()]).toEqual([2, 4, 6]);
    await f.dispose();
  });

  test("gives of convolutions that its engine computes as Winograd's what tfjs gives, at any batch", async () => {
    const filter = tensor(createRng(1).normal(9 * 64 * 64), [3, 3, 64, 64]) as Tensor4D;
    const f = (x: Tensor) => relu(conv2d(x as Tensor4D, filter, 1, "same"));
    const model = await compile(f, { input: [null, 56, 56, 64] });
    for (const images of [1, 2]) {
      const x = tensor(createRng(3).normal(images * 56 * 56 * 64), [images, 56, 56, 64]);
      expectClose(await (await model.run(x)).data(), await f(x).data(), 1e-5);
    }
    await model.dispose();
  });

  test("leaves the caller's values alone", async () => {
    const f = await compile(double, { input: [2] });
    const values = Float32Array.of(1, 2);
    await f.run(values);
    expect([...values]).toEqual([1, 2]);
    await f.dispose();
  });

  test("runs several inputs to several outputs by name", async () => {
    const f = await compile((a: Tensor, b: Tensor) => ({ sum: add(a, b), product: mul(a, b) }), {
      inputs: [
        { name: "a", shape: [null, 2] },
        { name: "b", shape: [null, 2] },
      ],
    });
    const value = (...data: number[]) => ({ shape: [1, 2], data: Float32Array.from(data) });
    const { sum: s, product } = await f.runAll({ a: value(1, 2), b: value(3, 4) });
    expect([...(s?.data ?? [])]).toEqual([4, 6]);
    expect([...(product?.data ?? [])]).toEqual([3, 8]);
    await f.dispose();
  });

  test("says what is wrong with an input", async () => {
    const f = await compile(double, { input: [null, 3] });
    await expect(f.run(Float32Array.of(1, 2))).rejects.toMatchObject({
      code: "bad-input",
      message: "input: expected the values of [N, 3], found 2",
    });
    await expect(f.run(tensor([1, 2, 3]))).rejects.toThrow("input: expected [N, 3], found [3]");
    await expect(f.run(tensor2d([[1, 2, 3]], [1, 3], "int32"))).rejects.toThrow("expected type float32, found int32");
    await expect(f.runAll({})).rejects.toThrow("input: expected float32 [N, 3], found nothing");
    await expect(f.runAll({ other: { shape: [1], data: new Float32Array(1) } })).rejects.toThrow(
      "no input is called other",
    );
    await f.dispose();
  });

  test("refuses a run after dispose, and disposing twice is fine", async () => {
    const f = await compile(double, { input: [2] });
    await f.dispose();
    await f.dispose();
    await expect(f.run(new Float32Array(2))).rejects.toMatchObject({ code: "disposed" });
  });

  test("shares a session over the same weights and opens another one over new weights", async () => {
    const w = variable(tensor([1, 2]));
    const f = (x: Tensor) => mul(x, w);
    const [a, b] = [await compile(f, { input: [2] }), await compile(f, { input: [2] })];
    await a.dispose();
    expect([...(await b.run(Float32Array.of(1, 1)))]).toEqual([1, 2]);
    w.assign(tensor([3, 4]));
    const c = await compile(f, { input: [2] });
    expect([...(await c.run(Float32Array.of(1, 1)))]).toEqual([3, 4]);
    expect([...(await b.run(Float32Array.of(1, 1)))]).toEqual([1, 2]);
    await b.dispose();
    await c.dispose();
    w.dispose();
  });

  test("runs at the same time as other sessions", async () => {
    const fs = await Promise.all([1, 2, 3].map((k) => compile((x: Tensor) => mul(x, k), { input: [1] })));
    const results = await Promise.all(fs.map((f: Compiled) => f.run(Float32Array.of(1))));
    expect(results.map((r) => r[0])).toEqual([1, 2, 3]);
    await Promise.all(fs.map((f) => f.dispose()));
  });

  test.each(["ort", "ort-web", "tfjs"] as const)("gives the same on engine %s", async (engine) => {
    const w = tensor2d([
      [1, 2],
      [3, 4],
    ]);
    const f = await compile((x: Tensor) => relu(matMul(reshape(x, [-1, 2]), w)), { input: [null, 2], engine });
    expect(f.report).toMatchObject({ engine, reason: "asked for by name" });
    expect([...(await f.run(Float32Array.of(1, 1, -1, 0)))]).toEqual([4, 6, 0, 0]);
    await f.dispose();
  });

  test("eager tfjs has no providers", async () => {
    const failed = compile(double, { input: [5], engine: "tfjs", provider: "cuda" });
    await expect(failed).rejects.toMatchObject({ code: "bad-input", message: expect.stringMatching(/leave one/) });
  });

  test("says that a provider is not there", async () => {
    const failed = compile(double, { input: [5], engine: "ort", provider: "dml" });
    await expect(failed).rejects.toMatchObject({ code: "provider-missing" });
  });

  test("takes int32 inputs and sums", async () => {
    const f = await compile((x: Tensor) => sum(x, 1), { inputs: [{ name: "x", shape: [null, 2], dtype: "int32" }] });
    const { output } = await f.runAll({ x: { shape: [1, 2], data: Int32Array.of(20, 22) } });
    expect([...(output?.data ?? [])]).toEqual([42]);
    await f.dispose();
  });

  test("finds the largest values", async () => {
    const f = await compile((x: Tensor) => topk(x, 2).values, { input: [null, 4] });
    expect([...(await f.run(Float32Array.of(3, 1, 4, 1)))]).toEqual([4, 3]);
    await f.dispose();
  });

  test("fills with the batch's size", async () => {
    const f = await compile((x: Tensor) => add(x, zeros([x.shape[0] as number, 2])), { input: [null, 2] });
    expect([...(await f.run(Float32Array.of(3, 1)))]).toEqual([3, 1]);
    await f.dispose();
  });
});
