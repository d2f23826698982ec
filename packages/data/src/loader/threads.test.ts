import { describe, expect, test } from "vitest";
import type { Split } from "../datasets/types.ts";
import { ThreadCrew } from "./crew.ts";
import { createLoader, ThreadedLoader } from "./loader.ts";
import type { Chunk, Settings } from "./protocol.ts";
import { digest, splitOf } from "./testing.ts";
import type { LoaderOptions } from "./types.ts";

const transform = { kind: "train", inputSize: [3, 8, 8], mean: [0.5], std: [0.5] } as const;
const options: LoaderOptions = { split: splitOf(40), transform, batchSize: 4, threads: 2 };
const settings: Settings = { transform, seed: 0, decode: {}, blocking: true, keepBytes: 0 };
const script = (code: string) => async () => new URL(`data:text/javascript,${encodeURIComponent(code)}`);
const chunk = (name: string): Chunk => ({
  epoch: 0,
  buffer: new SharedArrayBuffer(8),
  slot: 0,
  indices: Uint32Array.of(0),
  turns: Uint32Array.of(0),
  sources: [{ kind: "file", path: name }],
  names: [name],
  kept: Float64Array.of(-1, 0, 0, 0),
});
const outcome = "{ failures: [], keeps: [], slabs: [] }";

describe("a thread that is lost", () => {
  test("is replaced, and the pass goes on with the same bits", async () => {
    const expected = await digest(createLoader({ ...options, threads: 0 }).epoch(0));
    const loader = new ThreadedLoader(options);
    const crew = loader.crew as ThreadCrew;
    const seen = digest(
      (async function* () {
        let n = 0;
        for await (const batch of loader.epoch(0)) {
          yield batch;
          if (n++ % 2 === 0) void crew.slots[0]?.worker.terminate();
        }
      })(),
    );
    expect(await seen).toEqual(expected);
    await loader.dispose();
  });

  test.each([
    ["ends at once", "process.exit(3)", "ended with exit code 3"],
    ["throws at once", "throw new Error('no sharp here')", "no sharp here"],
    [
      "ends on a picture",
      "import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => process.exit(9))",
      "ended with exit code 9, and so did the one before, while they worked on",
    ],
  ])("and %s, twice, is an error that names the samples, not a hang", async (_, code, message) => {
    const crew = new ThreadCrew(2, settings, script(code));
    const results = await Promise.allSettled(["a.jpg", "b.jpg", "c.jpg"].map((name) => crew.run(chunk(name))));
    for (const [i, result] of results.entries()) {
      expect(result).toMatchObject({ status: "rejected", reason: { name: "ImageError", code: "worker-failed" } });
      if (result.status !== "rejected") continue;
      expect(result.reason.message).toContain(message);
      expect(result.reason.message).toContain(`${"abc"[i]}.jpg`);
    }
    await crew.dispose();
  });

  test("does not take the chunks of others along", async () => {
    const code = `import { parentPort } from 'node:worker_threads';
      parentPort.on('message', ({ id, chunk }) =>
        chunk.names[0] === 'bad' ? process.exit(1) : parentPort.postMessage({ id, outcome: ${outcome} }));`;
    const crew = new ThreadCrew(1, settings, script(code));
    const [bad, good, other] = await Promise.allSettled(["bad", "good", "other"].map((name) => crew.run(chunk(name))));
    expect(bad).toMatchObject({ status: "rejected", reason: { code: "worker-failed", file: "bad" } });
    expect([good?.status, other?.status]).toEqual(["fulfilled", "fulfilled"]);
    await crew.dispose();
  });
});

describe("the work ahead", () => {
  /** Counts the samples that are asked for. */
  const counting = (length: number): { split: Split; asked: () => number } => {
    let n = 0;
    const split = splitOf(length, { kinds: ["bytes"] });
    const source: Split["source"] = (i) => {
      n++;
      return split.source(i);
    };
    return { split: { ...split, source }, asked: () => n };
  };

  test("is bounded by prefetch, and ends when the loop is left", async () => {
    const { split, asked } = counting(400);
    const loader = createLoader({ ...options, split, prefetch: 3 });
    for await (const { size } of loader.epoch(0)) {
      expect(size).toBe(4);
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(asked()).toBe(4 * 4);
    // The loader is as good as new.
    expect(await digest(loader.epoch(0, { from: 98 }))).toHaveLength(2);
    await loader.dispose();
  });

  test("ends with the signal's reason", async () => {
    const loader = createLoader(options);
    const abort = new AbortController();
    const pass = loader.epoch(0, { signal: abort.signal });
    await pass.next();
    abort.abort(new Error("enough"));
    await expect(pass.next()).rejects.toThrow("enough");
    expect(await pass.next()).toEqual({ done: true, value: undefined });
    await expect(loader.epoch(0, { signal: abort.signal }).next()).rejects.toThrow("enough");
    await loader.dispose();
  });

  test("fails when the loader is disposed of, and so does a later pass", async () => {
    for (const threads of [0, 1]) {
      const loader = createLoader({ ...options, threads });
      const pass = loader.epoch(0);
      await pass.next();
      const later = expect(digest(pass)).rejects.toMatchObject({ code: "worker-failed" });
      await loader.dispose();
      await loader.dispose();
      await later;
      await expect(loader.epoch(0).next()).rejects.toThrow("this loader was disposed of; create another");
    }
  });

  test("reuses its buffers: a pass needs prefetch + 2 at most", async () => {
    const loader = createLoader({ ...options, prefetch: 1 });
    const buffers = new Set<ArrayBufferLike>();
    for (let epoch = 0; epoch < 3; epoch++)
      for await (const { images } of loader.epoch(epoch)) buffers.add(images.buffer);
    expect(buffers.size).toBeLessThanOrEqual(3);
    await loader.dispose();
  });
});

test("the meter counts what was handed out and how long it was waited for", async () => {
  const loader = createLoader(options);
  expect(loader.meter).toEqual({ images: 0, imagesPerSecond: 0, waitedMs: 0 });
  await digest(loader.epoch(0));
  const { images, imagesPerSecond, waitedMs } = loader.meter;
  expect(images).toBe(40);
  expect(imagesPerSecond).toBeGreaterThan(0);
  expect(waitedMs).toBeGreaterThan(0);
  await loader.dispose();
});

test("a class-balanced epoch draws each class equally often, a repeated one each sample in a row", async () => {
  const split: Split = { ...splitOf(300, { kinds: ["pixels"] }), label: (i) => (i < 290 ? 0 : 1) };
  const draw = async (sampler: NonNullable<LoaderOptions["sampler"]>, seed = 0) => {
    const loader = createLoader({ split, transform, batchSize: 30, threads: 0, sampler, seed });
    const indices: number[] = [];
    const digests: string[] = [];
    for await (const batch of loader.epoch(0)) {
      indices.push(...batch.indices);
      for (let i = 0; i < batch.size; i++)
        digests.push(`${batch.indices[i]}: ${batch.images.subarray(i * 192, i * 192 + 192)}`);
    }
    await loader.dispose();
    return { indices, digests };
  };
  const balanced = await draw({ kind: "balanced" });
  expect(balanced.indices.length).toBe(300);
  const rare = balanced.indices.filter((i) => i >= 290).length;
  expect(Math.abs(rare - 150)).toBeLessThan(5 * Math.sqrt(75));
  expect(new Set(balanced.digests).size).toBe(300); // the same sample again, with other draws
  const repeated = await draw({ kind: "repeated", repeats: 3 });
  expect(new Set(repeated.indices).size).toBe(100);
  for (let p = 0; p < 300; p++) expect(repeated.indices[p]).toBe(repeated.indices[p - (p % 3)]);
  expect(new Set(repeated.digests).size).toBe(300);
  expect((await draw({ kind: "balanced" }, 1)).indices).not.toEqual(balanced.indices);
});

test("settings that make no sense are refused by name", () => {
  const make = (more: Partial<LoaderOptions>) => () => createLoader({ ...options, ...more });
  expect(make({ batchSize: 0 })).toThrow("batchSize: expected a whole number of at least 1, found 0");
  expect(make({ threads: 1.5 })).toThrow("threads: expected a whole number of at least 0, found 1.5");
  expect(make({ seed: 0.5 })).toThrow("expected a seed that is a safe integer");
  expect(make({ onBad: "ignore" as "skip" })).toThrow('onBad: expected fail or skip, found "ignore"');
  expect(make({ mix: { mixupAlpha: 1 } })).toThrow("mix: expected numClasses beside it");
  expect(make({ numClasses: 2 })).toThrow(
    "sample-2: expected a label from 0 to 1, as the model has 2 classes, found 2",
  );
  expect(make({ sampler: { kind: "repeated", repeats: 0 } })).toThrow("expected repeats of at least 1, found 0");
  expect(make({ sampler: { kind: "random" as "each" } })).toThrow("expected kind each, balanced or repeated");
  expect(make({ transform: { ...transform, kind: "test" as "train" } })).toThrow("expected kind train or eval");
});
