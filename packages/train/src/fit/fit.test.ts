import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectClose } from "@repo/testing";
import type { ImageModel } from "@vitrail/layers";
import { useBackend } from "@vitrail/tensor";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { adamW } from "../optimizers/adamw.ts";
import { sgd } from "../optimizers/sgd.ts";
import { openRun, RUN_FILES } from "../run/folder.ts";
import { cosineSchedule } from "../schedules/cosine.ts";
import { smallResNet, smallViT, stripes } from "../testing.ts";
import { evaluate } from "./evaluate.ts";
import { extractFeatures } from "./features.ts";
import { fit } from "./fit.ts";
import type { FitOptions, Keeper, StepReport } from "./options.ts";
import type { EpochReport } from "./progress.ts";

let work: string;
beforeAll(async () => {
  await useBackend("cpu");
  work = mkdtempSync(join(tmpdir(), "vitrail-fit-"));
});
afterAll(() => rmSync(work, { recursive: true }));

const data = (soft = false) => ({ train: stripes(22, { soft }), validation: stripes(9, { seed: 1, shuffle: false }) });
const values = (model: ImageModel) =>
  Object.fromEntries([...model.params.stateDict()].map(([name, t]) => [name, t.float32()]));

describe("fit", () => {
  test("learns, validates each epoch, and leaves the best weights in the model", async () => {
    const model = smallResNet();
    const steps: StepReport[] = [];
    const epochs: EpochReport[] = [];
    const result = await fit({
      model,
      data: data(),
      epochs: 6,
      optimizer: sgd({ lr: 0.1, momentum: 0.9 }),
      schedule: cosineSchedule({ lr: 0.1, tInitial: 30 }),
      onStep: (report) => steps.push(report),
      onEpoch: (report) => void epochs.push(report),
    });
    expect(result.ended).toBe("epochs");
    expect(steps).toHaveLength(30);
    expect(steps.at(-1)).toMatchObject({ epoch: 5, batch: 5, batches: 5, updates: 30, images: 120 });
    expect(steps.map(({ lr }) => lr)).toEqual([...steps.map(({ lr }) => lr)].sort((a, b) => b - a));
    expect(epochs.map(({ epoch }) => epoch)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(epochs.at(-1)?.train.loss).toBeLessThan((epochs[0]?.train.loss as number) / 2);
    const best = result.progress.best as { epoch: number; value: number };
    expect(best.value).toBe(Math.max(...epochs.map(({ validation }) => validation?.top1 as number)));
    expect((await evaluate(model, data().validation)).top1).toBe(best.value);
    model.dispose();
  });

  test("does the same eagerly, dropout and averages and summed gradients and all", async () => {
    const run = async (engine: "ort" | "tfjs") => {
      const model = smallViT();
      const epochs: EpochReport[] = [];
      const { engine: report } = await fit({
        model,
        data: data(true),
        epochs: 2,
        optimizer: adamW({ lr: 0.01, weightDecay: 0.1 }),
        accumulate: 2,
        clipNorm: 1,
        ema: { decay: 0.5 },
        engine,
        onEpoch: (one) => void epochs.push(one),
      });
      expect(report?.engine).toBe(engine);
      const weights = values(model);
      model.dispose();
      return { epochs, weights };
    };
    const [a, b] = [await run("ort"), await run("tfjs")];
    expect(a.epochs[1]?.updates).toBe(6); // 2 + 2 + 1 batches an epoch
    expect(a.epochs[0]?.train.top1).toBeUndefined(); // classes are soft
    for (const [i, { train }] of a.epochs.entries())
      expect(train.loss).toBeCloseTo(b.epochs[i]?.train.loss as number, 4);
    for (const [name, value] of Object.entries(a.weights)) {
      if (!name.endsWith("qkv.bias")) expectClose(value, b.weights[name] as Float32Array, 1e-3, name);
    }
  });

  test("learns from a teacher", async () => {
    const teacher = smallResNet(2);
    await fit({ model: teacher, data: data(), epochs: 6, optimizer: sgd({ lr: 0.1, momentum: 0.9 }) });
    const alike = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
    const learn = async (settings: Partial<FitOptions>) => {
      const model = smallResNet(3);
      const report = await fit({
        model,
        data: data(),
        epochs: 4,
        optimizer: sgd({ lr: 0.1, momentum: 0.9 }),
        ...settings,
      });
      model.dispose();
      return report.progress.history;
    };
    const taught = await learn({
      teacher: { model: teacher, temperature: 2, taskLossWeight: 0, normalisation: { student: alike, teacher: alike } },
    });
    expect(taught.at(-1)?.train.loss).toBeLessThan((taught[0]?.train.loss as number) / 2);
    expect(taught.at(-1)?.validation?.top1).toBeGreaterThan(0.5);
    const seen = new Set<string>();
    const larger: FitOptions["model"] = {
      params: teacher.params,
      forward: (images, ctx) => {
        seen.add(String(images.shape.slice(1)));
        return teacher.forward(images, ctx);
      },
    };
    await learn({ epochs: 1, teacher: { model: larger, imageSize: [12, 14] } });
    expect([...seen]).toEqual(["12,14,3"]); // enlarged for it

    // pictures that always look the same are answered alike, whether the teacher is asked once or each time
    const answers = await extractFeatures(teacher, stripes(22, { shuffle: false }));
    const heard = await learn({ teacher: { answers, temperature: 2, taskLossWeight: 0 } });
    heard.forEach(({ train }, i) => {
      expect(train.loss).toBeCloseTo(taught[i]?.train.loss as number, 4);
    });
    const some = { length: answers.length, values: answers.values.subarray(2 * answers.length) };
    await expect(learn({ teacher: { answers: some } })).rejects.toThrow(
      /expected a teacher's answers to \d+ images, found \d+/,
    );
    teacher.dispose();
  });

  test("stops early, by the loss too, and validates only when asked to", async () => {
    const model = smallResNet();
    const options = { model, data: data(), epochs: 9, optimizer: sgd({ lr: 0 }), earlyStopping: { patience: 2 } };
    const { ended, progress } = await fit({ ...options, monitor: "loss" });
    // running statistics move although nothing learns, so that an epoch may be better
    expect(ended === "early" ? progress.epoch - 1 - (progress.best?.epoch as number) : 2).toBe(2);
    const { earlyStopping: _, ...without } = options;
    const rare = await fit({ ...without, epochs: 3, validateEvery: 2 });
    expect(rare.progress.history.map(({ validation }) => validation !== undefined)).toEqual([false, true, true]);
    model.dispose();
  });

  test("refuses what cannot work, before the first step", async () => {
    const model = smallResNet();
    const options = { model, data: data(), epochs: 1, optimizer: sgd({ lr: 0.1 }) };
    const refused = (changes: object) => expect(fit({ ...options, ...changes })).rejects;
    await refused({ epochs: 0 }).toThrow("epochs: expected a whole number of 1 or more, found 0");
    await refused({ accumulate: 1.5 }).toThrow("accumulate: expected a whole number");
    await refused({ data: { train: stripes(3) } }).toThrow("3 images do not fill one batch of 4");
    await refused({ data: { train: stripes(0) } }).toThrow("data.train: expected images, found none");
    await refused({ data: { train: stripes(8), validation: stripes(0) } }).toThrow("data.validation");
    await refused({ frozen: () => true }).toThrow("nothing to train");
    model.dispose();
  });
});

describe("a run's folder", () => {
  const args = { lr: 0.1, epochs: 3, seed: 0 };
  const config = { architecture: "small", num_classes: 3, label_names: ["a", "b", "c"] };
  const settings = (model: ImageModel): FitOptions => ({
    model,
    data: data(),
    epochs: 3,
    optimizer: sgd({ lr: 0.1, momentum: 0.9 }),
    ema: { decay: 0.9 },
    saveEvery: 0,
    seed: 5,
  });
  const open = (folder: string, model: ImageModel, more: object = {}) =>
    openRun({ folder, params: model.params, args, config, ...more });
  const files = (folder: string) =>
    [RUN_FILES.model, RUN_FILES.last, RUN_FILES.optimizer, RUN_FILES.metrics].map((name) =>
      readFileSync(join(folder, name)),
    );

  /** A run in pieces: each ends after so many updates. */
  const inPieces = async (folder: string, pieces: readonly number[], make = smallResNet): Promise<void> => {
    for (const updates of [...pieces, Number.POSITIVE_INFINITY]) {
      const model = make();
      const run = await open(folder, model, { resume: true });
      const stop = new AbortController();
      let done = 0;
      const onStep = () => {
        done++;
        if (done >= updates) stop.abort();
      };
      await fit({ ...settings(model), keeper: run, signal: stop.signal, onStep });
      run.close();
      model.dispose();
    }
  };

  test("holds a run that ends with the same bits however often it was stopped", async () => {
    const [whole, pieces] = [join(work, "whole"), join(work, "pieces")];
    await inPieces(whole, []);
    await inPieces(pieces, [1, 2, 4, 1, 3]);
    expect(files(pieces)).toEqual(files(whole));
    const lines = readFileSync(join(whole, RUN_FILES.metrics), "utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).epoch)).toEqual([0, 1, 2]);
  });

  test("does so for a transformer with dropout, too", async () => {
    const [whole, pieces] = [join(work, "vit-whole"), join(work, "vit-pieces")];
    await inPieces(whole, [], smallViT);
    await inPieces(pieces, [3, 1], smallViT);
    expect(files(pieces)).toEqual(files(whole));
  });

  test("is not written over, and goes on with its own settings only", async () => {
    const folder = join(work, "own");
    const model = smallResNet();
    const run = await open(folder, model);
    await expect(open(folder, model)).rejects.toThrow(/is training there/);
    await fit({ ...settings(model), epochs: 1, keeper: run });
    run.close();
    await expect(open(folder, model)).rejects.toThrow(/holds a finished run of 1 epochs: go on with it \(--resume\)/);
    await expect(open(folder, model, { resume: true, args: { ...args, lr: 0.2 } })).rejects.toThrow(
      /lr: was 0.1, is 0.2/,
    );
    const other = { ...config, label_names: ["a", "b", "d"] };
    await expect(open(folder, model, { resume: true, config: other })).rejects.toThrow(/config.json label_names: was/);
    const busy = join(work, "busy");
    const strange = await open(busy, model);
    strange.close();
    rmSync(join(busy, RUN_FILES.args));
    writeFileSync(join(busy, "notes.txt"), "mine");
    await expect(open(busy, model)).rejects.toThrow(/holds other files \(notes.txt\)/);
    model.dispose();
  });

  const states = (folder: string) =>
    [RUN_FILES.last, RUN_FILES.optimizer].map((name) => readFileSync(join(folder, name), "base64"));

  /** A run of two updates. */
  const begin = async (folder: string, model: ImageModel): Promise<string[]> => {
    const run = await open(folder, model);
    const stop = new AbortController();
    const onStep = ({ updates }: StepReport) => updates === 2 && stop.abort();
    expect((await fit({ ...settings(model), keeper: run, signal: stop.signal, onStep })).ended).toBe("interrupted");
    run.close();
    return states(folder);
  };

  test.skipIf(!existsSync("/dev/full"))("keeps its last state where the disk is full", async () => {
    const folder = join(work, "full");
    const model = smallResNet();
    const before = await begin(folder, model);
    const run = await open(folder, model, { resume: true });
    const full: Keeper = {
      load: () => run.load(),
      save(saved) {
        symlinkSync("/dev/full", join(folder, `${RUN_FILES.optimizer}.next`)); // takes no byte: no space is left
        return run.save(saved);
      },
      saveBest: (weights, report) => run.saveBest(weights, report),
      loadBest: () => run.loadBest(),
    };
    await expect(fit({ ...settings(model), keeper: full })).rejects.toMatchObject({
      code: "write-failed",
      message: expect.stringMatching(
        /last.optim.safetensors: no space is left on the disk; what was saved before is whole/,
      ),
    });
    run.close();
    expect(states(folder)).toEqual(before);
    model.dispose();
  });

  test("keeps its last state where the loss is no number", async () => {
    const folder = join(work, "nan");
    const model = smallResNet();
    const before = await begin(folder, model);
    const run = await open(folder, model, { resume: true });
    const broken = { ...data().train, epoch: () => notNumbers() };
    await expect(fit({ ...settings(model), data: { train: broken }, keeper: run })).rejects.toMatchObject({
      code: "not-finite",
      message: expect.stringMatching(/^epoch 1, update 3: .*NaN/),
    });
    run.close();
    expect(states(folder)).toEqual(before);
    model.dispose();
  });

  test("keeps its last state where the weights answer NaN", async () => {
    const folder = join(work, "nan-answers");
    const model = smallResNet();
    const before = await begin(folder, model);
    const run = await open(folder, model, { resume: true });
    const validation = { ...data().validation, epoch: () => notNumbers() };
    const options = { ...settings(model), data: { train: data().train, validation }, saveEvery: 300, keeper: run };
    await expect(fit(options)).rejects.toMatchObject({
      code: "not-finite",
      message: expect.stringMatching(
        /^epoch 1, validation: the model answers image 0 with NaN or infinity\. A smaller/,
      ),
    });
    run.close();
    expect(states(folder)).toEqual(before);
    model.dispose();
  });

  test("says what is wrong with damaged files", async () => {
    const folder = join(work, "damaged");
    const model = smallResNet();
    await begin(folder, model);
    const damaged = async (name: string, change: (bytes: Buffer) => Buffer) => {
      const bytes = readFileSync(join(folder, name));
      writeFileSync(join(folder, name), change(bytes));
      const run = await open(folder, model, { resume: true });
      const error = await run.load().then(
        () => undefined,
        (caught: Error) => caught,
      );
      run.close();
      writeFileSync(join(folder, name), bytes);
      return `${(error as { code?: string } | undefined)?.code}: ${error?.message}`;
    };
    const cut = (bytes: Buffer) => bytes.subarray(0, bytes.length - 8);
    expect(await damaged(RUN_FILES.last, cut)).toMatch(/^bad-checkpoint: .*last.safetensors cannot be read/);
    expect(await damaged(RUN_FILES.optimizer, cut)).toMatch(/^bad-checkpoint: .*last.optim.safetensors cannot be read/);
    const older = (bytes: Buffer) =>
      Buffer.from(bytes.toString("latin1").replace('\\"batch\\":2', '\\"batch\\":1'), "latin1");
    expect(await damaged(RUN_FILES.last, older)).toMatch(/are of different states/);
    writeFileSync(join(folder, RUN_FILES.args), "a: [1");
    await expect(open(folder, model, { resume: true })).rejects.toThrow(/args.yaml cannot be read/);
    model.dispose();
  });

  test("is whole again after a kill between two renames", async () => {
    const folder = join(work, "between");
    const model = smallResNet();
    await begin(folder, model);
    renameSync(join(folder, RUN_FILES.last), join(folder, `${RUN_FILES.last}.next`));
    const run = await open(folder, model, { resume: true });
    expect((await run.load())?.progress.updates).toBe(2);
    run.close();
    expect(existsSync(join(folder, `${RUN_FILES.last}.next`))).toBe(false);
    model.dispose();
  });
});

async function* notNumbers() {
  const images = new Float32Array(4 * 8 * 8 * 3).fill(Number.NaN);
  for (let i = 0; i < 5; i++) yield { images, labels: new Int32Array(4), indices: new Int32Array(4), size: 4 };
}
