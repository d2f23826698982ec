/** A training run from the command line, from its options to the folder that it leaves. */
import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { createSampleReader, pictureFile, type Split } from "@vitrail/data";
import { assertNoRun, concludeRun, fit, openRun, recordRun } from "@vitrail/train";
import { parse } from "yaml";
import type { TrainCommand } from "../commands/train.ts";
import { type ChosenEngine, startEngine } from "../engine-choice.ts";
import { UserError } from "../user-error.ts";
import { configJson } from "./config-json.ts";
import { pickRecipe } from "./defaults.ts";
import { earlierRun, environmentOf, only, stillAt } from "./earlier.ts";
import { openPictures, type Pictures } from "./pictures.ts";
import { checkRecipe, type Recipe, readRecipe } from "./recipe.ts";
import { createReporter } from "./report.ts";
import { namesIn } from "./rules.ts";
import { openSession, type Resolved } from "./session.ts";
import { openTrainee, type Trainee } from "./trainee.ts";

type Note = (line: string) => void;

/** Runs `vitrail train` and gives its exit status. */
export async function runTraining(options: TrainCommand, onNote: Note): Promise<number> {
  const reporter = await createReporter({ json: options.json ?? false, onNote });
  const begun = options.resume ? earlierRun(options.out) : undefined;
  if (options.out !== undefined && !options.resume) assertNoRun(options.out);
  const asked = {
    ...begun?.recipe,
    ...(options.recipe === undefined ? {} : readRecipe(options.recipe)),
    ...flagsOf(options),
  };
  const data = options.data ?? begun?.data;
  if (data === undefined) throw new UserError("expected pictures to learn from: --data DIR");
  // Another engine gives other bits: a run goes on with its own unless told otherwise.
  const choice = options.engine || options.provider || options.backend ? options : { ...options, ...begun?.choice };
  const engine = await startEngine(choice);
  // The weights that the run began with, from wherever it is gone on with.
  const kept = begun ? stillAt(begun, asked) : [];
  const sought = { ...asked, ...only(begun?.places ?? {}, kept) };
  const trainee = await openTrainee(sought, { offline: options.offline }, reporter.note);
  let pictures: Pictures | undefined;
  let session: Awaited<ReturnType<typeof openSession>> | undefined;
  let run: Awaited<ReturnType<typeof openRun>> | undefined;
  try {
    const share = asked.val_fraction;
    const val = options.val ?? begun?.val ?? (share === undefined ? undefined : String(share));
    const seed = asked.seed ?? 0;
    pictures = await openPictures({
      data,
      val,
      classes: asked.classes,
      trainFraction: asked.train_fraction,
      limit: asked.limit,
      seed,
      onBad: options.onBad,
      knownBad: begun?.bad,
      onNote: reporter.note,
      onCheck: reporter.checking,
    });
    const recipe = begun
      ? { ...named(asked, trainee), ...only(asked, kept) }
      : await resolved(asked, trainee, pictures, reporter.note);
    session = await openSession({ ...recipe, ...only(sought, ["kd_weights"]) }, trainee, pictures, engine, {
      onNote: reporter.note,
      onFeatures: reporter.features,
      offline: options.offline,
    });
    const folder = options.out ?? begun?.folder ?? freeFolder(recipe.model, data);
    run = await openRun({
      folder,
      ...session.run,
      args: { recipe, pictures: { ...pictures.identity, left_out: { train: pictures.bad[0], val: pictures.bad[1] } } },
      config: configJson(trainee, session.model, pictures.classes, basename(resolve(folder))),
      environment: environmentOf(choice, {
        ...{ data, val, weights: trainee.weights, backbone_weights: trainee.backbone },
        ...only(sought, ["kd_weights"]),
      }),
      resume: options.resume ?? false,
    });
    reporter.plan({
      folder,
      recipe,
      images: pictures.train.length,
      validation: pictures.val.length,
      classes: pictures.classes,
    });
    const { saveEvery } = options;
    return await trainAndJudge({ data, recipe, trainee, pictures, session, run, engine, saveEvery, reporter });
  } finally {
    reporter.end();
    run?.close();
    await session?.dispose();
    await pictures?.dispose();
    trainee.close();
  }
}

interface Parts {
  readonly data: string;
  readonly recipe: Resolved;
  readonly trainee: Trainee;
  readonly pictures: Pictures;
  readonly session: Awaited<ReturnType<typeof openSession>>;
  readonly run: Awaited<ReturnType<typeof openRun>>;
  readonly engine: ChosenEngine;
  readonly saveEvery: number | undefined;
  readonly reporter: Awaited<ReturnType<typeof createReporter>>;
}

async function trainAndJudge(parts: Parts): Promise<number> {
  const { pictures, session, run, engine, saveEvery, reporter } = parts;
  const { epochs, data, accumulate = 1 } = session.fit;
  const updates = epochs * Math.ceil(data.train.batches / accumulate);
  const record = recordRun(run, { updates });
  const stop = new AbortController();
  const unlisten = onInterrupt(() => {
    reporter.note("stopping after this step, to save what was learned; once more ends at once");
    stop.abort();
  });
  try {
    const result = await fit({
      ...session.fit,
      ...engine,
      ...(saveEvery === undefined ? {} : { saveEvery }),
      keeper: run,
      signal: stop.signal,
      onStart(start) {
        record.onStart(start);
        reporter.start(start, { epochs, updates });
      },
      onStep(report) {
        record.onStep(report);
        reporter.step(report);
      },
      onValidation: reporter.validation,
      async onEpoch(report) {
        await record.onEpoch(report);
        reporter.epoch(report);
      },
    });
    if (result.ended === "interrupted") {
      reporter.interrupted(result.progress, run.folder);
      return 130;
    }
    const conclusion = await concludeRun(run, {
      ...engine,
      model: session.model,
      validation: session.validation,
      classes: pictures.classes,
      progress: result.progress,
      card: cardOf(parts),
      picture: (index) => pictureOf(pictures.val, index),
      onProgress: (done) => reporter.validation(done, pictures.val.length),
    });
    reporter.done(conclusion, result.progress, run.folder);
    return 0;
  } finally {
    unlisten();
    record.close();
  }
}

/** The settings that the command's own options are. */
function flagsOf(options: TrainCommand): Recipe {
  const { model, weights, epochs, mode, imageSize, batchSize, lr, limit, seed, set = [] } = options;
  const sizes = { img_size: imageSize, batch_size: batchSize, backbone_weights: options.backboneWeights };
  const classes = namesIn(options.classes);
  const given = { model, weights, epochs, mode, ...sizes, lr, classes, limit, seed };
  return {
    ...checkRecipe(Object.fromEntries(set.map(assignment)), "--set"),
    ...checkRecipe(given, "the command line"),
  };
}

/** `lr=0.1`, `scale=[0.5, 1]`: a value as in a recipe's file. */
function assignment(text: string): [string, unknown] {
  const at = text.indexOf("=");
  if (at < 1) throw new UserError(`--set ${text}: expected name=value, as in --set lr=0.01`);
  try {
    return [text.slice(0, at), parse(text.slice(at + 1))];
  } catch (error) {
    throw new UserError(`--set ${text}: ${(error as Error).message.split("\n")[0]}`);
  }
}

/** Settings of augmentation: where one is asked for, a recipe that has none is not meant. */
const AUGMENTS = [
  "train_crop_mode",
  "scale",
  "ratio",
  "hflip",
  "vflip",
  "color_jitter",
  "grayscale_prob",
  "aa",
  "reprob",
  "mixup",
  "cutmix",
] as const;

async function resolved(asked: Recipe, trainee: Trainee, pictures: Pictures, onNote: Note): Promise<Resolved> {
  const [, imgSize] = trainee.preprocess.inputSize;
  const { recipe, reason } = pickRecipe(
    {
      family: trainee.family,
      pretrained: trainee.weights !== undefined,
      images: pictures.train.length,
      imgSize,
      exact: await haveSize(pictures.train, imgSize),
    },
    asked.mode,
  );
  const augmented = AUGMENTS.some((name) => asked[name] !== undefined && asked[name] !== 0);
  const picked = compatible(recipe, asked);
  const all = named({ seed: 0, ...picked, ...(augmented ? { no_aug: false } : {}), ...asked }, trainee);
  if (asked.batch_size !== undefined && asked.batch_size > pictures.train.length) {
    throw new UserError(
      `batch_size ${asked.batch_size} is more than the ${pictures.train.length} training pictures; give a smaller one`,
    );
  }
  const own = Object.keys(picked).filter((name) => asked[name as keyof Recipe] === undefined);
  if (own.length > 0) onNote(`picked for ${pictures.train.length} pictures: ${reason}`);
  return all;
}

/** With the names that a run keeps, whatever model and weights were called: the same command goes on with it. */
function named(recipe: Recipe, { spec, weights = "none", backbone, preprocess }: Trainee): Resolved {
  const places = { weights, ...(backbone === undefined ? {} : { backbone_weights: backbone }) };
  return { ...recipe, model: spec.name, ...places, img_size: preprocess.inputSize[1] } as Resolved;
}

/** Of what was picked, all that still makes sense beside what is asked for. */
function compatible(picked: Recipe, asked: Recipe): Recipe {
  const left: Record<string, unknown> = { ...picked };
  const without = (...names: readonly (keyof Recipe)[]) => {
    for (const name of names) delete left[name];
  };
  if (asked.opt !== undefined && asked.opt !== picked.opt) {
    if (asked.lr === undefined) {
      throw new UserError(
        `opt ${asked.opt}: give its learning rate, too (lr): what suits ${picked.opt} does not suit it`,
      );
    }
    without("momentum", "weight_decay");
  }
  if (asked.sched !== undefined && asked.sched !== picked.sched) without("sched_on_updates");
  // random crops of another scale, not shifts of the whole picture
  if ((asked.scale ?? asked.ratio) !== undefined) without("train_crop_mode", "crop_padding");
  return left as Recipe;
}

/** Whether pictures have the model's size as they are: by the first few. */
async function haveSize(split: Split, size: number): Promise<boolean> {
  const reader = createSampleReader();
  try {
    for (let i = 0; i < Math.min(4, split.length); i++) {
      const { width, height } = await reader.image(await split.source(i));
      if (width !== size || height !== size) return false;
    }
    return true;
  } finally {
    await reader.dispose();
  }
}

/** runs/resnet18-ants-bees, or with a number where that is taken. */
function freeFolder(model: string, data: string): string {
  const name = `${model}-${basename(resolve(data)).replace(/[^\p{L}\p{N}._-]+/gu, "-") || "data"}`;
  for (let n = 1; ; n++) {
    const folder = join("runs", n === 1 ? name : `${name}-${n}`);
    if (!existsSync(folder)) return folder;
  }
}

function cardOf({ data, recipe, trainee, pictures: { train, val }, run }: Parts) {
  const { spec } = trainee;
  const weights = trainee.weights ?? trainee.backbone;
  return {
    name: basename(resolve(run.folder)),
    architecture: spec.name,
    // a folder's own place says nothing to others
    ...(weights === undefined ? {} : { baseModel: existsSync(weights) ? basename(resolve(weights)) : weights }),
    dataset: { name: basename(resolve(data)), images: { training: train.length, validation: val.length } },
    args: recipe,
  };
}

async function pictureOf(split: Split, index: number) {
  const { bytes, kind } = await pictureFile(await split.source(index));
  return {
    name: split.nameOf(index),
    bytes,
    extension: kind === undefined ? "" : `.${kind === "jpeg" ? "jpg" : kind}`,
  };
}

/**
 * Ctrl-C and a polite kill: told once; the second time the system's own way, at once: to exit in order would wait for threads that
 * compute, and those of ONNX Runtime abort where they are torn down.
 */
function onInterrupt(stop: () => void): () => void {
  const signals = ["SIGINT", "SIGTERM"] as const;
  let asked = false;
  const listener = (signal: NodeJS.Signals) => {
    if (asked) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
      return;
    }
    asked = true;
    stop();
  };
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}
