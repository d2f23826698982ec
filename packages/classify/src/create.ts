import { type OpenOptions, openWeights, type Weights, type WeightsInput } from "@vitrail/hub";
import type { ImageModel, ModelSpec, Preprocess } from "@vitrail/layers";
import { type BackendName, type BackendOptions, type BackendReport, currentBackend, useBackend } from "@vitrail/tensor";
import { classifierOf } from "./classifier.ts";
import { embedderOf } from "./embedder.ts";
import { type ChosenEngine, type EngineChoice, engineFor, type Jit, type Runner } from "./engine.ts";
import { ClassifyError } from "./errors.ts";
import { resolveLabels } from "./labels.ts";
import { type AnyModelSpec, build, buildFeatures } from "./load.ts";
import { parseOpenSet } from "./open-set.ts";
import type { Preprocessor, Running } from "./rows.ts";
import type { Classifier, Embedder, Photo } from "./types.ts";

/** Settings of `createClassifier` and `createEmbedder`. */
export interface ClassifierOptions extends EngineChoice {
  /** The model. Without it, the weights' config.json names one of `models`. */
  readonly model?: AnyModelSpec;
  /** The models that a config.json may name, e.g. `{ ...resnetModels, ...vitModels }`. */
  readonly models?: Readonly<Record<string, AnyModelSpec>>;
  /**
   * A name on the hub (`timm/resnet50.a1_in1k`, `resnet50.a1_in1k`, `org/repo@revision`), an entry of a model's table, a folder with
   * config.json and a checkpoint, a bare checkpoint (then `model` is needed), an address, or the parts one by one.
   */
  readonly weights: WeightsInput;
  /** How weights are fetched that are not on this machine: progress, token, offline, time-outs. */
  readonly hub?: OpenOptions;
  /**
   * What engine tfjs computes on: see `useBackend` of `@vitrail/tensor`. It holds for the whole program, so the default is the backend
   * that runs already, and "auto" where none does. Naming one asks for engine tfjs.
   */
  readonly backend?: BackendName | "auto";
  /** Passed to `useBackend`: in browsers, where the `.wasm` files are. */
  readonly backendOptions?: BackendOptions;
  /** Some dozens of photos of the kind to be classified, for precision "int8": with them convolutions compute in eight bits, too. */
  readonly calibration?: Iterable<Photo> | undefined;
  /** Told, in one line each, what was decided for you: default preprocessing, labels by index. */
  readonly onNote?: (message: string) => void;
}

/** What differs between Node and browsers: how photos are read and prepared. */
export type Prepares = (preprocess: Preprocess) => Preprocessor;

/** `createClassifier` of either entry. */
export async function createClassifierOn(prepares: Prepares, options: ClassifierOptions): Promise<Classifier> {
  const { onNote = () => {} } = options;
  const { running, about } = await openOn(prepares, options, build, async (model, { id, config }) => {
    const openSet = parseOpenSet(config?.openSet);
    if (model.numClasses === 0) {
      throw new ClassifyError("no-model", `${id} holds no classifier (0 classes): give weights with one`);
    }
    return { openSet, labels: await resolveLabels(namesOf(config), model.numClasses, onNote) };
  });
  return classifierOf({ ...running, ...about });
}

/** `createEmbedder` of either entry. */
export async function createEmbedderOn(prepares: Prepares, options: ClassifierOptions): Promise<Embedder> {
  const { running } = await openOn(prepares, options, buildFeatures, async () => {});
  return embedderOf(running);
}

/**
 * Opens weights, builds their model and makes it run.
 *
 * @param look at the model and its weights before it is compiled: what else is to be known of them, or why it will not do
 */
async function openOn<About>(
  prepares: Prepares,
  options: ClassifierOptions,
  make: (spec: ModelSpec<unknown, ImageModel>, weights: Weights) => ImageModel,
  look: (model: ImageModel, weights: Weights) => Promise<About>,
): Promise<{ readonly running: Running; readonly about: About }> {
  const { onNote = () => {} } = options;
  const chosen = engineFor(options, options.backend);
  const { engine } = chosen;
  // All wait on the disk or the network: side by side.
  const startBackend = () => backendFor(options.backend, options.backendOptions);
  const [started, opened, loaded] = await Promise.allSettled([
    engine === "tfjs" ? startBackend() : undefined,
    openWeights(options.weights, { names: hubIdsOf(options.models), ...options.hub }),
    engine === "tfjs" ? undefined : warmJit(chosen),
  ]);
  if (opened.status === "rejected") throw opened.reason;
  const weights = opened.value;
  let model: ImageModel | undefined;
  let preprocessor: Preprocessor | undefined;
  try {
    if (started.status === "rejected") throw started.reason;
    if (loaded.status === "rejected") throw loaded.reason;
    const jit = loaded.value;
    const spec = specFor(options, weights);
    for (const note of weights.notes) onNote(`${weights.id}: ${note}`);
    const { config } = weights;
    // For a session the weights stay on the host: they never pass through a tfjs backend.
    model = jit ? jit.hostTensors(() => make(spec, weights)) : make(spec, weights);
    assertColours(model, weights.id);
    if (!config?.preprocess) {
      onNote(
        `${weights.id} says nothing of preprocessing: taking ${spec.name}'s default, ${described(spec.preprocess)}`,
      );
    }
    const about = await look(model, weights);
    const preprocess = config?.preprocess ?? spec.preprocess;
    preprocessor = prepares(preprocess);
    const [, height, width] = preprocess.inputSize;
    const calibration = options.calibration && prepared(options.calibration, preprocessor);
    const size = [height, width] as const;
    let runner: Runner;
    if (jit) {
      const { compiledRunner } = await import("./compiled.ts");
      runner = await compiledRunner(jit, model, size, { ...chosen, calibration }, startBackend);
    } else {
      const { eagerRunner } = await import("./eager.ts");
      runner = eagerRunner(model, size, started.value as BackendReport, { reason: "asked for", tried: [] });
    }
    return { running: { name: spec.name, model, preprocess, preprocessor, runner }, about };
  } catch (error) {
    model?.dispose();
    await preprocessor?.dispose();
    throw error;
  } finally {
    weights.close();
  }
}

/** What traces and compiles is loaded only where it is asked for; the runtime loads in its own thread while the weights are read. */
async function warmJit({ engine, provider }: ChosenEngine): Promise<Jit> {
  const loaded = await import("@vitrail/jit");
  loaded.warmUp({ engine, provider });
  return loaded;
}

/** Photos become three channels, red, green and blue: what takes others is for `load`, and pictures prepared by its user. */
function assertColours({ config }: ImageModel & { readonly config?: { readonly inChans?: number } }, id: string): void {
  const { inChans = 3 } = config ?? {};
  if (inChans === 3) return;
  throw new ClassifyError(
    "bad-config",
    `${id} is a model of ${inChans === 1 ? "one channel" : `${inChans} channels`} (in_chans), and photos are prepared with 3; load() gives the model for pictures that you prepare`,
  );
}

/** Photos as the model's input, one by one. */
async function* prepared(photos: Iterable<Photo>, preprocessor: Preprocessor): AsyncGenerator<Float32Array> {
  for (const photo of photos) yield await preprocessor.prepare(photo, {});
}

/** The backend asked for; without a wish the one that runs already, so that no other model is moved. */
export async function backendFor(
  name: BackendName | "auto" | undefined,
  options?: BackendOptions,
): Promise<BackendReport> {
  const running = currentBackend();
  if (name !== undefined || running === undefined) return useBackend(name ?? "auto", options);
  // tfjs-node calls itself "tensorflow", whichever of its two packages it is
  const known = running === "tensorflow" ? "tfjs-node" : (running as BackendName);
  return { name: known, reason: "it was running already", tried: [] };
}

/** A spec whose configuration is the business of the spec alone. */
function specFor(
  { model, models }: ClassifierOptions,
  { id, config, looksLike }: Weights,
): ModelSpec<unknown, ImageModel> {
  if (model) return model as ModelSpec<unknown, ImageModel>;
  const name = config?.architecture;
  if (name === undefined) {
    const looks = looksLike === undefined ? "" : `; it looks like ${looksLike}`;
    throw new ClassifyError(
      "no-model",
      `${id} has no config.json that names its architecture: say which model it is (--model NAME)${looks}`,
    );
  }
  const found = models && Object.hasOwn(models, name) ? models[name] : undefined;
  if (found) return found as ModelSpec<unknown, ImageModel>;
  if (!models)
    throw new ClassifyError(
      "no-model",
      `createClassifier needs a model, or models of which config.json names one (${name})`,
    );
  throw new ClassifyError(
    "unknown-model",
    `config.json of ${id} names the architecture ${JSON.stringify(name)}, which is none of the models here`,
  );
}

/** Names to offer where one is not on the hub. */
function hubIdsOf(models: Readonly<Record<string, AnyModelSpec>> = {}): string[] {
  return Object.values(models).flatMap(({ weights }) => Object.values(weights).map(({ hubId }) => hubId));
}

/** timm keeps identifiers as names where it has words for them too: the words are for people. */
function namesOf(config: Weights["config"]): readonly string[] | undefined {
  const { labels, labelDescriptions: words } = config ?? {};
  return words ? labels?.map((name) => (Object.hasOwn(words, name) ? (words[name] as string) : name)) : labels;
}

function described({ inputSize: [, height, width], interpolation, cropPct, cropMode, mean, std }: Preprocess): string {
  return `${height} × ${width} ${interpolation}, ${cropMode} crop ${cropPct}, mean ${mean.join(" ")}, std ${std.join(" ")}`;
}
