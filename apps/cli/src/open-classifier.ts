import {
  type Classifier,
  type ClassifierOptions,
  createClassifier,
  createEmbedder,
  type Embedder,
  type EngineInfo,
} from "@vitrail/classify";
import { isHubError, type PackagedModel } from "@vitrail/hub";
import type { Precision } from "@vitrail/jit";
import { boxFolder, boxNamed } from "./box.ts";
import { photosIn } from "./calibration.ts";
import type { EngineChoice } from "./engine-choice.ts";
import { engineNote } from "./engine-note.ts";
import { fetching } from "./fetching.ts";
import { checkpointNames, isRepo, modelNamed, models, publishedNamed } from "./models-table.ts";
import { didYouMean } from "./suggest.ts";
import { UserError } from "./user-error.ts";

/** What classifies where nothing else is asked for; docs/decisions/0011-hub.md says why this one. */
export const DEFAULT_MODEL = "vit_tiny_patch16_224.augreg_in21k_ft_in1k";

/** Which model to open, as asked on the command line. */
export interface ModelChoice extends EngineChoice {
  readonly model?: string;
  readonly weights?: string;
  readonly precision?: Precision;
  /** A folder of photos to calibrate int8 on. */
  readonly calibrate?: string;
  /** Never ask the network. */
  readonly offline?: boolean | undefined;
  /** 0 prepares photos on the main thread: for a few of them that is sooner done than threads are started. */
  readonly threads?: number | undefined;
}

type Note = (line: string) => void;

/** Opens the asked model or the default, fetched where it is not cached, and says on `onNote` what was decided. */
export async function openClassifier(choice: ModelChoice, onNote: Note): Promise<Classifier> {
  const { model, weights } = choice;
  if (model === undefined && weights === undefined) return openDefault(choice, onNote);
  const box = boxFor(choice);
  if (box) return openBox(choice, onNote, box.folder);
  return open(createClassifier, choice, onNote, asked(choice, onNote));
}

/** Opens the asked model without its classifier. There is no default: vectors of different models do not compare. */
export async function openEmbedder(choice: ModelChoice, onNote: Note): Promise<Embedder> {
  const { model, weights } = choice;
  if (model === undefined && weights === undefined) {
    throw new UserError(
      "expected --weights or --model: vectors of different models do not compare, so none is the default",
    );
  }
  const box = boxFor(choice);
  return open(createEmbedder, choice, onNote, box ? { models, weights: box.folder } : asked(choice, onNote));
}

/** The model in the box that `--model` names. */
function boxFor({ model, weights }: ModelChoice): PackagedModel | undefined {
  return model === undefined || weights !== undefined ? undefined : boxNamed(model);
}

/** What the command line names. */
function asked({ model, weights }: ModelChoice, onNote: Note): ClassifierOptions {
  if (weights !== undefined) return model === undefined ? { models, weights } : { model: modelNamed(model), weights };
  if (model === undefined || isRepo(model)) return { models, weights: model as string };
  const published = publishedNamed(model);
  if (!model.includes(".")) onNote(`--model ${model}: taking ${model}.${published.tag}, timm's default`);
  return { models, weights: published };
}

/** A model in the box, the first unless said: always here, and never asks the network. */
export async function openBox(choice: ModelChoice, onNote: Note, folder = boxFolder()): Promise<Classifier> {
  const classifier = noted(
    await createClassifier({ models, weights: folder, ...(await common(choice, onNote)) }),
    onNote,
  );
  onNote(
    `The model in the box, ${classifier.name}, tells ${classifier.labels.length === 10 ? "ten" : classifier.labels.length} things apart: ` +
      `${classifier.labels.join(", ")}.`,
  );
  return classifier;
}

/** The default where it is cached or can be fetched, else the model in the box: without a network that is known in a moment. */
async function openDefault(choice: ModelChoice, onNote: Note): Promise<Classifier> {
  const weights = publishedNamed(DEFAULT_MODEL);
  const hub = { connectTimeout: 3000, stallTimeout: 6000, retries: 1 }; // somebody waits, and there is another answer
  try {
    return await open(createClassifier, choice, onNote, { models, weights, hub });
  } catch (error) {
    if (!isHubError(error)) throw error;
    onNote(`The default model, ${DEFAULT_MODEL}, is neither cached nor to be had: ${error.message}.`);
    const classifier = await openBox(choice, onNote);
    onNote(
      `For ImageNet's 1000 classes run "vitrail download ${DEFAULT_MODEL}" once with a network, or give a folder with --weights.`,
    );
    return classifier;
  }
}

async function open<T extends { readonly engine: EngineInfo }>(
  create: (options: ClassifierOptions) => Promise<T>,
  choice: ModelChoice,
  onNote: Note,
  what: ClassifierOptions,
): Promise<T> {
  const fetched = fetching(choice, checkpointNames());
  try {
    const settings = { ...what, ...(await common(choice, onNote)), hub: { ...fetched, ...what.hub } };
    return noted(await create(settings), onNote);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "unknown-model") throw error;
    const { message } = error as Error;
    const named = /architecture "([^"]*)"/.exec(message)?.[1] ?? "";
    throw new UserError(
      `${message}.${didYouMean(named, Object.keys(models))} "vitrail models" lists those that can be built`,
    );
  } finally {
    fetched.done();
  }
}

function noted<T extends { readonly engine: EngineInfo }>(opened: T, onNote: Note): T {
  const note = engineNote(opened.engine);
  if (note) onNote(note);
  return opened;
}

async function common({ backend, engine, provider, precision, calibrate, threads }: ModelChoice, onNote: Note) {
  return {
    ...(backend === undefined ? {} : { backend: backend as "auto" }), // useBackend says which names there are
    ...(engine === undefined ? {} : { engine }),
    ...(provider === undefined ? {} : { provider }),
    ...(precision === undefined ? {} : { precision }),
    ...(calibrate === undefined ? {} : { calibration: await photosIn(calibrate, onNote) }),
    onNote,
    ...(threads === undefined ? {} : { threads }),
  };
}
