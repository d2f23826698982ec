import {
  add,
  concat,
  currentBackend,
  engine,
  keep,
  memory,
  mul,
  reshape,
  scalar,
  split,
  type Tensor,
  tensor,
  tensor1d,
  tidy,
  useBackend,
  variable,
  where,
} from "@vitrail/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import { hostTensors, trace } from "./trace.ts";

const input = [{ name: "x", shape: [null, 4] }] as const;

beforeAll(async () => {
  await useBackend("cpu");
});

describe("trace", () => {
  test("records ops, takes tensors from outside as constants and leaves them where they are", () => {
    const w = tensor1d([1, 2, 3, 4]);
    const before = memory().numTensors;
    const graph = trace((x) => add(mul(x, w), 1), input);
    expect(graph.nodes.map(({ op }) => op)).toEqual(["Mul", "Add"]);
    expect(graph.nodes[0]?.inputs[1]?.data?.()).toEqual(Float32Array.of(1, 2, 3, 4));
    expect(memory().numTensors).toBe(before);
    expect([...w.dataSync()]).toEqual([1, 2, 3, 4]);
    w.dispose();
  });

  test("restores the backend, also after an error", () => {
    expect(() =>
      trace(() => {
        throw new Error("mine");
      }, input),
    ).toThrow("mine");
    expect(currentBackend()).toBe("cpu");
    expect([...add(tensor1d([1]), 1).dataSync()]).toEqual([2]);
  });

  test("names the op and the caller's line when a value is read", () => {
    const read = () => trace((x) => mul(x, add(x, 1).dataSync()[0] as number), input);
    expect(read).toThrow(/the result of Add, \[N, 4\], was read while tracing.*trace\.test\.ts:\d+/);
    expect(read).toThrow(expect.objectContaining({ code: "trace-read" }));
  });

  test("names the kernel and the caller's line where there is no counterpart", () => {
    const unknown = () => trace((x) => engine().runKernel("Acosh", { x }) as Tensor, input);
    expect(unknown).toThrow(/Acosh cannot be traced: no ONNX counterpart is known.*trace\.test\.ts:\d+/);
  });

  test("refuses a size that is no multiple of the batch", () => {
    const grow = (x: Tensor) => concat([x, tensor([[0, 0, 0, 0]])], 0);
    expect(() => trace(grow, input)).toThrow(expect.objectContaining({ code: "trace-dynamic-shape" }));
    expect(trace(grow, [{ name: "x", shape: [3, 4] }]).outputs[0]?.value.shape).toEqual([4, 4]);
  });

  test("passes sizes that happen to be larger than the stand-in for the batch", () => {
    const graph = trace((x) => reshape(x, [x.shape[0] as number, 10_000]), [{ name: "x", shape: [null, 100, 100] }]);
    expect(graph.outputs[0]?.value.shape[1]).toBe(10_000);
  });

  test("finds another stand-in where the function's own sizes hit the first", () => {
    const w = tensor(new Float32Array(7919).map((_, i) => i));
    const graph = trace((x) => add(x, w), [{ name: "x", shape: [null, 7919] }]);
    expect(graph.batch).not.toBe(7919);
  });

  test("refuses to nest", () => {
    const inner = () => trace((y) => y, input);
    const nested = () => trace((x) => (inner() ? x : x), input);
    expect(nested).toThrow(expect.objectContaining({ code: "trace-nested" }));
    expect(currentBackend()).toBe("cpu");
  });

  test("refuses tensors of a trace that has ended, and async functions", () => {
    let kept: Tensor | undefined;
    trace((x) => (kept = keep(add(x, 1))), input);
    expect(() => kept?.dataSync()).toThrow(expect.objectContaining({ code: "trace-dead-tensor" }));
    expect(() => trace((x) => add(x, kept as Tensor), input)).toThrow(
      expect.objectContaining({ code: "trace-dead-tensor" }),
    );
    expect(() => trace((async (x: Tensor) => x) as never, input)).toThrow("async");
  });

  test("refuses null that is not in first place", () => {
    expect(() => trace((x) => x, [{ name: "x", shape: [1, null] }])).toThrow("null only first, found [1, N]");
  });

  test("records what selects and splits", () => {
    const graph = trace((x) => {
      const [a, b] = split(x, 2, 1) as [Tensor, Tensor];
      return where(tensor([true, false], [2], "bool"), a, b);
    }, input);
    expect(graph.nodes.map(({ op }) => op)).toContain("Where");
  });
});

describe("hostTensors", () => {
  test("keeps values on the host until a backend asks for them", () => {
    const values = Float32Array.of(1, 2);
    const v = hostTensors(() => {
      const initial = tensor(values);
      const held = variable(initial);
      initial.dispose();
      return held;
    });
    const graph = trace((x) => mul(x, v), [{ name: "x", shape: [2] }]);
    expect(graph.nodes[0]?.inputs[1]?.data?.()).toBe(values);
    expect([...tidy(() => mul(v, scalar(2))).dataSync()]).toEqual([2, 4]);
    v.dispose();
  });
});
