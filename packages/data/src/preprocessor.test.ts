import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decode } from "./decode.ts";
import { Pool } from "./pool.ts";
import { createPreprocessor, preprocessFiles } from "./preprocessor.ts";
import { fileNamed } from "./testing.ts";
import { evalTransform, type Preprocess } from "./transform.ts";

const preprocess: Preprocess = {
  inputSize: [3, 24, 24],
  interpolation: "bicubic",
  cropPct: 0.9,
  cropMode: "center",
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
};
const size = 24 * 24 * 3;
const names = ["rgb.jpg", "rgb.png", "grey.webp", "colours.gif", "cmyk-noise.jpg", "alpha-noise.png", "lzw.tif"];
let folder: string;
let paths: string[];
let expected: Float32Array[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vitrail-pool é "));
  paths = names.map((name) => join(folder, name));
  await Promise.all(paths.map((path, i) => writeFile(path, fileNamed(names[i] as string))));
  const transform = evalTransform(preprocess);
  expected = await Promise.all(paths.map(async (path) => transform(await decode(path))));
});
afterAll(() => rm(folder, { recursive: true }));

describe.each([0, 1, 2])("with %i worker threads", (threads) => {
  test("a batch is the single results one after the other, in order", async () => {
    const p = createPreprocessor({ preprocess, threads });
    expect([p.threads, p.height, p.width]).toEqual([threads, 24, 24]);
    const batch = await p.batch([...paths, ...paths]);
    expect(batch.length).toBe(2 * names.length * size);
    for (const [i, e] of [...expected, ...expected].entries())
      expect(batch.subarray(i * size, (i + 1) * size)).toEqual(e);
    await p.dispose();
  });

  test("paths, file URLs and bytes are taken alike, and bytes stay the caller's", async () => {
    const p = createPreprocessor({ preprocess, threads });
    const bytes = fileNamed("rgb.jpg");
    expect(await p.one(pathToFileURL(paths[0] as string))).toEqual(expected[0]);
    expect(await p.one(bytes)).toEqual(expected[0]);
    expect(bytes.length).toBeGreaterThan(100);
    await p.dispose();
  });

  test("a bad file is named, and settle gives the others", async () => {
    const p = createPreprocessor({ preprocess, threads, maxPixels: 10_000 });
    const bad = join(folder, "none.jpg");
    const list = [paths[0] as string, bad, paths[1] as string];
    await expect(p.batch(list)).rejects.toMatchObject({ name: "ImageError", code: "unreadable-file", file: bad });
    const [first, second, third] = await p.settle(list);
    expect([first, third]).toEqual([{ data: expected[0] }, { data: expected[1] }]);
    expect(second).toMatchObject({ error: { code: "unreadable-file", file: bad } });
    await expect(p.one(fileNamed("big.jpg"), "big.jpg")).rejects.toMatchObject({
      code: "too-many-pixels",
      file: "big.jpg",
    });
    await p.dispose();
  });

  test("after dispose every call is an error", async () => {
    const p = createPreprocessor({ preprocess, threads });
    await p.one(paths[0] as string);
    await p.dispose();
    await p.dispose();
    await expect(p.one(paths[0] as string)).rejects.toMatchObject({ code: "worker-failed" });
  });

  test("an empty batch is an empty array", async () => {
    expect(await preprocessFiles([], { preprocess, threads })).toEqual(new Float32Array(0));
  });
});

test("dispose while pictures are under way rejects them all and does not hang", async () => {
  const p = createPreprocessor({ preprocess, threads: 2 });
  await p.one(paths[0] as string);
  const running = Promise.allSettled(Array.from({ length: 20 }, (_, i) => p.one(paths[i % paths.length] as string)));
  await new Promise((resolve) => setImmediate(resolve));
  await p.dispose();
  const lost = (await running).filter((r) => r.status === "rejected");
  expect(lost.length).toBeGreaterThan(0);
  for (const r of lost) expect(r.reason).toMatchObject({ name: "ImageError", code: "worker-failed" });
});

describe("a worker thread that is lost", () => {
  const settings = { preprocess, decode: {} };
  const script = (code: string) => async () => new URL(`data:text/javascript,${encodeURIComponent(code)}`);

  test.each([
    ["ends at once", "process.exit(3)", "exit code 3"],
    ["throws at once", "throw new Error('no sharp here')", "no sharp here"],
    [
      "crashes on a picture",
      "import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => process.exit(9))",
      "exit code 9",
    ],
  ])("and %s is an error for each of its pictures, not a hang", async (_, code, message) => {
    const pool = new Pool(2, settings, script(code));
    const results = await Promise.allSettled(["a.jpg", "b.jpg", "c.jpg"].map((f) => pool.run(f, undefined)));
    for (const [i, r] of results.entries()) {
      expect(r).toMatchObject({ status: "rejected", reason: { code: "worker-failed", file: `${"abc"[i]}.jpg` } });
      if (r.status === "rejected") expect(r.reason.message).toContain(message);
    }
    await pool.dispose();
  });

  test("is replaced, and the pictures of the other threads are not lost", async () => {
    const code = `import { parentPort } from 'node:worker_threads';
      parentPort.on('message', ({ id, source }) =>
        source === 'bad' ? process.exit(1) : parentPort.postMessage({ id, data: new Float32Array(1) }));`;
    const pool = new Pool(1, settings, script(code));
    await expect(pool.run("bad", undefined)).rejects.toMatchObject({ code: "worker-failed" });
    expect(await pool.run("good", undefined)).toEqual(new Float32Array(1));
    await pool.dispose();
  });
});

test("the calling thread stays free while a thread works", async () => {
  // The worker blocks until this thread's timer opens the gate: were this thread held up, both would wait for ever.
  const gate = new SharedArrayBuffer(4);
  const code = `import { parentPort, workerData } from 'node:worker_threads';
    parentPort.on('message', ({ id }) => {
      Atomics.wait(new Int32Array(workerData.gate), 0, 0);
      parentPort.postMessage({ id, data: new Float32Array(1) });
    });`;
  const settings = { preprocess, decode: {}, gate };
  const pool = new Pool(1, settings, async () => new URL(`data:text/javascript,${encodeURIComponent(code)}`));
  const answer = pool.run("a.jpg", undefined);
  setTimeout(() => {
    Atomics.store(new Int32Array(gate), 0, 1);
    Atomics.notify(new Int32Array(gate), 0);
  }, 20);
  expect(await answer).toEqual(new Float32Array(1));
  await pool.dispose();
});

test("threads must be a whole number", () => {
  expect(() => createPreprocessor({ preprocess, threads: -1 })).toThrow("expected a whole number of at least 0");
});
