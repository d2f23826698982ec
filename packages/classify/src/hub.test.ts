import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type StubHub, startStubHub } from "@repo/testing";
import { memory } from "@vitrail/tensor";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createClassifier, load } from "./index.ts";
import { colorConfig, colorWeights, mean_color } from "./testing/mean-color.ts";
import { png } from "./testing/png.ts";

let hub: StubHub;
let home: string;
beforeAll(async () => {
  const { model } = colorWeights(3, colorConfig());
  const files = { "config.json": JSON.stringify(colorConfig()), "model.safetensors": model as Uint8Array };
  hub = await startStubHub({ "org/colors": { revisions: { main: files, "refs/pr/1": files } } });
  home = mkdtempSync(join(tmpdir(), "vitrail-classify-hub-"));
});
afterAll(async () => {
  await hub.close();
  rmSync(home, { recursive: true });
});
beforeEach(() => {
  hub.requests.length = 0;
});
const options = (more = {}) => ({ endpoint: hub.endpoint, cacheDir: home, token: false as const, ...more });

test("a classifier comes from a name on the hub, and from the cache without a question", async () => {
  for (const weights of ["org/colors", "org/colors@refs/pr/1", { hubId: "org/colors" }]) {
    const classifier = await createClassifier({
      models: { mean_color },
      weights,
      backend: "cpu",
      threads: 0,
      hub: options(),
    });
    const [best] = await classifier.classify(png(2, 2, [255, 0, 0]));
    expect(best?.label).toBe("red");
    await classifier.dispose();
  }
  hub.requests.length = 0;
  const model = await load(mean_color, "org/colors", { hub: options({ offline: true }) });
  expect(model.numClasses).toBe(3);
  model.dispose();
  expect(hub.requests).toEqual([]);
});

test("what cannot be fetched is the hub's own error, and leaves no tensor", async () => {
  const before = memory().numTensors;
  const asked = { models: { mean_color }, backend: "cpu", threads: 0 } as const;
  await expect(createClassifier({ ...asked, weights: "org/color", hub: options() })).rejects.toMatchObject({
    code: "repo-not-found",
  });
  await expect(
    createClassifier({ ...asked, weights: "org/absent", hub: options({ offline: true }) }),
  ).rejects.toMatchObject({ code: "offline" });
  expect(memory().numTensors).toBe(before);
});
