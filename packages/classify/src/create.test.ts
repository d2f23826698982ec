import { fileURLToPath } from "node:url";
import { encodeSafetensors } from "@vitrail/checkpoint";
import { resnet20_cifar } from "@vitrail/resnet";
import { memory } from "@vitrail/tensor";
import { describe, expect, test } from "vitest";
import { type ClassifierOptions, createClassifier, createEmbedder, load } from "./index.ts";
import { colorConfig, colorWeights, mean_color } from "./testing/mean-color.ts";
import { png } from "./testing/png.ts";

const RED = png(2, 2, [255, 0, 0]);
const GREY = png(2, 2, [0, 0, 0]);

async function make(options: Partial<ClassifierOptions> & Pick<ClassifierOptions, "weights">) {
  const notes: string[] = [];
  const classifier = await createClassifier({
    backend: "cpu",
    threads: 0,
    onNote: (note) => notes.push(note),
    ...options,
  });
  return { classifier, notes };
}

/** The error of a call that must fail, and leave no tensor. */
async function failure(options: Partial<ClassifierOptions> & Pick<ClassifierOptions, "weights">) {
  const before = memory().numTensors;
  const error = await make(options).then(
    () => undefined,
    (reason: unknown) => reason as Error & { code: string },
  );
  expect(memory().numTensors).toBe(before);
  if (!error) throw new Error("it did not fail");
  return error;
}

describe("createClassifier", () => {
  test("takes the model that config.json names from a table, with its labels, and says nothing", async () => {
    const { classifier, notes } = await make({ models: { mean_color }, weights: colorWeights(3, colorConfig()) });
    expect(classifier.name).toBe("mean_color");
    expect(classifier.labels).toEqual(["red", "green", "blue"]);
    expect(classifier.report).toMatchObject({ name: "cpu" });
    expect(notes).toEqual([]);
    await classifier.dispose();
  });

  test("keeps the backend that runs unless another is asked for", async () => {
    const first = await make({ model: mean_color, weights: colorWeights(), backend: "cpu" });
    const second = await createClassifier({ model: mean_color, weights: colorWeights(), engine: "tfjs" });
    expect(second.report?.name).toBe("cpu");
    await first.classifier.dispose();
    await second.dispose();
  });

  test("a bare file takes the model's default preprocessing and labels by index, and says so", async () => {
    const { classifier, notes } = await make({ model: mean_color, weights: colorWeights() });
    expect(classifier.labels).toEqual(["class 0", "class 1", "class 2"]);
    expect(notes).toHaveLength(2);
    expect(notes[0]).toMatch(/preprocessing.*mean_color.*8 × 8/);
    await classifier.dispose();
  });

  test("preprocessing travels with the weights", async () => {
    const cfg = { input_size: [3, 4, 6], mean: [1, 0, 0], std: [1, 1, 1], crop_pct: 1, crop_mode: "squash" };
    const weights = colorWeights(3, colorConfig({ pretrained_cfg: cfg }));
    const { classifier } = await make({ model: mean_color, weights });
    const [best] = await classifier.classify(RED); // red less its mean is nothing: all classes alike
    expect(best?.probability).toBeCloseTo(1 / 3, 6);
    await classifier.dispose();
  });

  test("a fine-tuned head of another size loads where config.json says so", async () => {
    const config = colorConfig({ num_classes: 5, label_names: ["a", "b", "c", "d", "e"] });
    const { classifier } = await make({ model: mean_color, weights: colorWeights(5, config) });
    expect(await classifier.classify(RED, { top: 10 })).toHaveLength(5);
    await classifier.dispose();
  });

  test("a thousand classes without names are ImageNet's", async () => {
    const { classifier } = await make({
      model: mean_color,
      weights: colorWeights(1000, { ...colorConfig(), num_classes: 1000, label_names: undefined }),
    });
    expect(classifier.labels).toHaveLength(1000);
    expect(classifier.labels[285]).toBe("Egyptian cat");
    expect(classifier.labels[967]).toBe("espresso");
    await classifier.dispose();
  });

  test("words for people stand in for identifiers", async () => {
    const config = colorConfig({ label_names: ["n1", "n2", "n3"], label_descriptions: { n1: "red", n2: "green" } });
    const { classifier } = await make({ model: mean_color, weights: colorWeights(3, config) });
    expect(classifier.labels).toEqual(["red", "green", "n3"]);
    await classifier.dispose();
  });

  test("says whether a photo looks like any class, where the weights carry a threshold", async () => {
    const openSet = { score: "max_logit", threshold: 5 };
    const config = colorConfig({ vitrail: { open_set: openSet } });
    const { classifier } = await make({ model: mean_color, weights: colorWeights(3, config) });
    expect(await classifier.examine(RED)).toMatchObject({ known: true });
    expect(await classifier.examine(GREY)).toMatchObject({ known: false });
    await classifier.dispose();
    const plain = await make({ model: mean_color, weights: colorWeights(3, colorConfig()) });
    expect((await plain.classifier.examine(GREY)).known).toBeUndefined();
    await plain.classifier.dispose();
  });

  test.each<[string, Partial<ClassifierOptions> & Pick<ClassifierOptions, "weights">, string, RegExp]>([
    ["a bare file without a model", { models: { mean_color }, weights: colorWeights() }, "no-model", /say which model/],
    ["neither model nor table", { weights: colorWeights(3, colorConfig()) }, "no-model", /mean_color/],
    [
      "an architecture that no table has",
      { models: { mean_color }, weights: colorWeights(3, colorConfig({ architecture: "median_color" })) },
      "unknown-model",
      /"median_color"/,
    ],
    [
      "a name of Object's own",
      { models: { mean_color }, weights: colorWeights(3, colorConfig({ architecture: "toString" })) },
      "unknown-model",
      /toString/,
    ],
    ["a head of another size", { model: mean_color, weights: colorWeights(5) }, "checkpoint-mismatch", /head\.weight/],
    [
      "a head of another size than config.json says",
      { model: mean_color, weights: colorWeights(5, colorConfig()) },
      "checkpoint-mismatch",
      /head\.weight/,
    ],
    [
      "a threshold that is none",
      { model: mean_color, weights: colorWeights(3, colorConfig({ vitrail: { open_set: { score: "energy" } } })) },
      "bad-option",
      /threshold/,
    ],
    [
      "an unknown backend",
      { model: mean_color, weights: colorWeights(), backend: "gpu" as "cpu" },
      "backend-unknown",
      /wasm/,
    ],
    [
      "a backend that is not installed",
      { model: mean_color, weights: colorWeights(), backend: "tfjs-node" },
      "backend-not-installed",
      /npm install @tensorflow\/tfjs-node/,
    ],
    ["a folder that is not there", { model: mean_color, weights: "no/such/folder" }, "not-found", /no\/such\/folder/],
  ])("%s: an error that says what to do, and no tensor left", async (_, options, code, message) => {
    const error = await failure(options);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  test("weights that give no numbers are an error, not an answer", async () => {
    const { classifier } = await make({ model: mean_color, weights: colorWeights(3, colorConfig(), Number.NaN) });
    const before = memory().numTensors;
    await expect(classifier.classify(RED)).rejects.toMatchObject({ code: "not-finite" });
    expect(memory().numTensors).toBe(before);
    await classifier.dispose();
  });
});

describe("load", () => {
  test("gives the model alone", async () => {
    const model = await load(mean_color, colorWeights(3, colorConfig()));
    expect(model.numClasses).toBe(3);
    model.dispose();
  });

  test("with another number of classes the backbone stays, the head is new, and that is said once", async () => {
    const notes: string[] = [];
    const model = await load(mean_color, colorWeights(3, colorConfig()), {
      numClasses: 5,
      onNote: (n) => notes.push(n),
    });
    expect(model.numClasses).toBe(5);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(/head.*new.*5 classes/);
    model.dispose();
  });

  test("with the number of classes that the checkpoint has, its head is kept in silence", async () => {
    const notes: string[] = [];
    const model = await load(mean_color, colorWeights(), { numClasses: 3, onNote: (n) => notes.push(n) });
    expect(notes).toEqual([]);
    model.dispose();
  });

  test("adapts the weights to what is asked for, and to nothing else", async () => {
    const box = fileURLToPath(new URL("../../weights-cifar10", import.meta.url));
    const grey = await load(resnet20_cifar, box, { config: { inChans: 1, dropPathRate: 0.1 } });
    expect(grey.conv1.inChannels).toBe(1);
    expect(grey.numClasses).toBe(10);
    const both = await load(resnet20_cifar, box, { config: { inChans: 4 }, numClasses: 2 });
    expect([both.conv1.inChannels, both.numClasses]).toEqual([4, 2]);
    const narrow = load(resnet20_cifar, box, { config: { width: 16 } });
    await expect(narrow).rejects.toThrow("parameter conv1.weight: expected shape [16, 3, 3, 3], found [32, 3, 3, 3]");
    for (const model of [grey, both]) model.dispose();
  });

  test("a model of grey pictures loads, and is refused where photos would be prepared for it", async () => {
    const box = fileURLToPath(new URL("../../weights-cifar10", import.meta.url));
    const model = await load(resnet20_cifar, box, { config: { inChans: 1 } });
    const weights = {
      model: encodeSafetensors(model.params.stateDict()),
      config: { architecture: "resnet20_cifar", num_classes: 10, model_args: { in_chans: 1, width: 32 } },
      id: "grey",
    };
    model.dispose();
    const again = await load(resnet20_cifar, weights);
    expect(again.conv1.inChannels).toBe(1);
    again.dispose();
    for (const create of [createClassifier, createEmbedder]) {
      await expect(create({ model: resnet20_cifar, weights, threads: 0 })).rejects.toMatchObject({
        code: "bad-config",
        message:
          "grey is a model of one channel (in_chans), and photos are prepared with 3; load() gives the model for pictures that you prepare",
      });
    }
  });

  test("refuses a number of classes that is none", async () => {
    await expect(load(mean_color, colorWeights(), { numClasses: 2.5 })).rejects.toMatchObject({ code: "bad-option" });
  });
});
