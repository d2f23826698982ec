import { mul, type Tensor, useBackend } from "@vitrail/tensor";
import { beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { compile } from "../compile.ts";
import { type EngineOptions, warmUp } from "./engine.ts";
import type { Runtime } from "./thread.ts";

/** What the machine of these tests lacks. */
const lacks = vi.hoisted(() => ({ runtimes: new Set<string>(), cuda: "not installed" as string | undefined }));
const threads = vi.hoisted(() => ({ started: 0, ended: 0 }));

vi.mock("#host", async (original) => {
  const host = await original<typeof import("../host.ts")>();
  return {
    ...host,
    absence: (runtime: Runtime) => (lacks.runtimes.has(runtime) ? host.notInstalled(runtime) : host.absence(runtime)),
    gpuProvider: () => ({ name: "cuda", absence: lacks.cuda }),
    startThread: () => {
      const thread = host.startThread();
      threads.started++;
      const terminate = () => {
        threads.ended++;
        return thread.terminate();
      };
      return { ...thread, terminate };
    },
  };
});

beforeAll(async () => {
  await useBackend("cpu");
});
beforeEach(() => {
  lacks.runtimes.clear();
  lacks.cuda = "its files are not installed";
  Object.assign(threads, { started: 0, ended: 0 });
});

async function reportOf(options: EngineOptions) {
  const f = await compile((x: Tensor) => mul(x, 2), { input: [1], ...options });
  expect([...(await f.run(Float32Array.of(21)))]).toEqual([42]);
  await f.dispose();
  return f.report;
}

describe("engine auto", () => {
  test("takes onnxruntime-node, and says why nothing on a graphics processor", async () => {
    expect(await reportOf({})).toMatchObject({
      engine: "ort",
      provider: "cpu",
      reason: "the first that works",
      tried: [
        { name: "ort (cuda)", reason: "its files are not installed" },
        { name: "tfjs-node-gpu", reason: expect.stringContaining("is not installed") },
      ],
    });
  });

  test("passes over a provider that is there and does not start", async () => {
    lacks.cuda = undefined;
    const { provider, tried } = await reportOf({});
    expect(provider).toBe("cpu");
    expect(tried[0]).toMatchObject({ name: "ort (cuda)" });
  });

  test("takes onnxruntime-web where the native one is not installed, then eager tfjs", async () => {
    lacks.runtimes.add("ort");
    expect(await reportOf({})).toMatchObject({ engine: "ort-web" });
    lacks.runtimes.add("ort-web");
    const { engine, tried } = await reportOf({});
    expect(engine).toBe("tfjs");
    expect(tried.at(-1)?.name).toBe("ort-web");
  });
});

describe("by name", () => {
  test("a runtime that is not installed is refused with the command that installs it", async () => {
    lacks.runtimes.add("ort").add("ort-web");
    await expect(reportOf({ engine: "ort" })).rejects.toMatchObject({
      code: "engine-not-installed",
      message: expect.stringContaining("ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node@"),
    });
    await expect(reportOf({ engine: "ort-web" })).rejects.toThrow("npm install onnxruntime-web@");
  });

  test.each(["dml", "coreml"] as const)("provider %s, which this build lacks, is refused", async (provider) => {
    if (process.platform !== "linux") return;
    await expect(reportOf({ provider })).rejects.toMatchObject({
      code: "provider-missing",
      message: expect.stringContaining(`this build has no ${provider}`),
    });
  });

  test("a graphics processor's files that are not installed are not asked for", async () => {
    await expect(reportOf({ provider: "cuda" })).rejects.toMatchObject({
      code: "provider-missing",
      message: "engine auto with provider cuda does not start: ort (cuda): its files are not installed",
    });
    expect(threads.started).toBe(0);
  });

  test("the wasm build has no provider but cpu in Node", async () => {
    await expect(reportOf({ engine: "ort-web", provider: "cuda" })).rejects.toMatchObject({ code: "provider-missing" });
  });
});

describe("a runtime warmed up", () => {
  test("runs the next session of the same engine; one after it has a thread of its own", async () => {
    warmUp({ engine: "ort" });
    warmUp({ engine: "ort" });
    expect(threads.started).toBe(1);
    expect(await reportOf({ engine: "ort" })).toMatchObject({ engine: "ort" });
    expect(threads).toEqual({ started: 1, ended: 1 });
    await reportOf({ engine: "ort" });
    expect(threads).toEqual({ started: 2, ended: 2 });
  });

  test("waits while another engine is opened, and ends where tfjs is taken", async () => {
    warmUp({ engine: "ort" });
    await reportOf({ engine: "ort-web" });
    expect(threads).toEqual({ started: 2, ended: 1 });
    await reportOf({ engine: "tfjs" });
    expect(threads).toEqual({ started: 2, ended: 2 });
  });

  test("is nothing where no runtime is installed", () => {
    lacks.runtimes.add("ort");
    lacks.runtimes.add("ort-web");
    warmUp();
    expect(threads.started).toBe(0);
  });
});

describe("streams", () => {
  const double = (x: Tensor) => mul(x, 2);

  test("are sessions of their own, run side by side, and end together", async () => {
    const f = await compile(double, { input: [null], engine: "ort", threads: 2, streams: 4 });
    expect(threads.started).toBe(2); // no more than there are threads
    expect(f.streams).toBe(2);
    const runs = Array.from({ length: 5 }, (_, i) => f.run(new Float32Array(i + 1).fill(i)));
    expect((await Promise.all(runs)).map((found) => [...found])).toEqual([
      [0],
      [2, 2],
      [4, 4, 4],
      [6, 6, 6, 6],
      [8, 8, 8, 8, 8],
    ]);
    await f.dispose();
    expect(threads.ended).toBe(2);
  });

  test("are one where the runtime chooses how many threads there are", async () => {
    const f = await compile(double, { input: [null], engine: "ort", threads: 0, streams: 2 });
    expect(f.streams).toBe(1);
    expect([...(await f.run(Float32Array.of(21)))]).toEqual([42]);
    await f.dispose();
  });

  test("of one function are not taken for its one session", async () => {
    const one = await compile(double, { input: [null], engine: "ort", threads: 2 });
    const two = await compile(double, { input: [null], engine: "ort", threads: 2, streams: 2 });
    const again = await compile(double, { input: [null], engine: "ort", threads: 2, streams: 2 });
    expect(threads.started).toBe(3);
    await Promise.all([one, two, again].map((f) => f.dispose()));
    expect(threads.ended).toBe(3);
  });

  test("are none on engine tfjs, which runs all the same", async () => {
    const f = await compile(double, { input: [null], engine: "tfjs", streams: 2 });
    expect(f.streams).toBe(1);
    expect([...(await f.run(Float32Array.of(21)))]).toEqual([42]);
    await f.dispose();
  });

  test.each([0, 1.5, -1, Number.NaN])("%d of them is refused", async (streams) => {
    await expect(compile(double, { input: [null], engine: "ort", streams })).rejects.toThrow(
      "a whole number from 1 on",
    );
  });
});
