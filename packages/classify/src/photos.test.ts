import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { shared } from "@repo/testing";
import { resnet20_cifar, resnetModels } from "@vitrail/resnet";
import { vit_tiny_patch16_224, vitModels } from "@vitrail/vit";
import { describe, expect, test } from "vitest";
import { createClassifier, load } from "./index.ts";

const sample = (name: string) => fileURLToPath(new URL(`../../../apps/cli/photos/${name}`, import.meta.url));
const box = fileURLToPath(new URL("../../weights-cifar10", import.meta.url));

/** `[index, probability]` of the five best classes, as timm gives them. */
interface Golden {
  readonly photos: readonly { readonly file: string; readonly top: readonly (readonly [number, number])[] }[];
}
const golden = JSON.parse(
  readFileSync(new URL("./__goldens__/imagenet-photos.json", import.meta.url), "utf8"),
) as Golden;

describe("the model in the box", () => {
  test("says cat for a cat, by its own preprocessing and labels, without a note", async () => {
    const notes: string[] = [];
    const onNote = (note: string) => notes.push(note);
    const classifier = await createClassifier({ models: resnetModels, weights: box, backend: "wasm", onNote });
    const { predictions, known } = await classifier.examine(sample("chelsea.png"), { top: 3 });
    expect(predictions[0]?.label).toBe("cat");
    expect(predictions).toHaveLength(3);
    expect(known).toBe(true);
    expect(classifier.labels).toHaveLength(10);
    expect(notes).toEqual([]);
    await classifier.dispose();
  });

  test("is another model's checkpoint for ViT, and the error lists what does not fit", async () => {
    await expect(load(vit_tiny_patch16_224, box)).rejects.toMatchObject({
      code: "checkpoint-mismatch",
      message: expect.stringMatching(
        /: it looks like a ResNet \(resnet20_cifar with model_args \{"width": 32\}: basic blocks 3, 3, 3, first 32 channels\), the model is vit_tiny_patch16_224\n/,
      ),
      missing: expect.arrayContaining(["cls_token"]),
      unread: expect.arrayContaining(["conv1.weight"]),
    });
  });

  test("gives its backbone to a classifier of other classes", async () => {
    const model = await load(resnet20_cifar, box, { numClasses: 2 });
    expect(model.numClasses).toBe(2);
    model.dispose();
  });
});

const weights = shared("hub/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k");
const photos = shared("data/imagenet-photos");

describe.skipIf(!weights || !photos)(
  "ViT-Ti with real weights (skipped without ../shared/hub and ../shared/data)",
  () => {
    const vit = (options: object) => createClassifier({ models: vitModels, weights: weights as string, ...options });

    // Eagerly each takes a quarter of a second and more: a part of them, of every folder.
    test.each([
      ["each of 206 photos", "compiled", {}, 1],
      ["every eighth photo", "by eager tfjs", { backend: "wasm" }, 8],
    ])(
      "gives timm's label for %s, and its probabilities within 1e-4, %s",
      async (_, __, options, every) => {
        const classifier = await vit(options);
        const asked = golden.photos.filter((_, i) => i % every === 0);
        let at = 0;
        let worst = 0;
        const wrong: string[] = [];
        // Python's libraries ignore EXIF orientation
        const files = asked.map(({ file }) => shared(file) as string);
        for await (const outcome of classifier.each(files, { top: 1000, orientation: false })) {
          if (outcome.error) throw outcome.error;
          const { file, top } = asked[at++] as Golden["photos"][number];
          if (outcome.predictions[0]?.index !== top[0]?.[0]) wrong.push(file);
          const found = new Map(outcome.predictions.map(({ index, probability }) => [index, probability]));
          for (const [index, probability] of top)
            worst = Math.max(worst, Math.abs((found.get(index) ?? 2) - probability));
        }
        await classifier.dispose();
        expect(at).toBe(Math.ceil(206 / every));
        expect(wrong).toEqual([]);
        expect(worst).toBeLessThan(1e-4);
      },
      600_000,
    );

    test("a batch answers as photos one by one", async () => {
      const classifier = await vit({ backend: "wasm" });
      const files = golden.photos.slice(0, 3).map(({ file }) => shared(file) as string);
      const together = await classifier.classify(files, { batchSize: 3 });
      for (const [i, file] of files.entries()) {
        const alone = await classifier.classify(file);
        expect(together[i]?.map(({ label }) => label)).toEqual(alone.map(({ label }) => label));
        for (const [k, { probability }] of alone.entries()) {
          expect(together[i]?.[k]?.probability).toBeCloseTo(probability, 5);
        }
      }
      await classifier.dispose();
    });
  },
);
