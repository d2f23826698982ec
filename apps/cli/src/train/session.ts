/** A run from its resolved recipe: what is trained on what, and what of it is kept. */
import { createLoader, type Loader, type LoaderTransform } from "@vitrail/data";
import {
  addLora,
  allButLast,
  type ImageModel,
  Linear,
  type ParamStore,
  type Preprocess,
  shareParams,
} from "@vitrail/layers";
import type { Tensor, Tensor2D, Tensor4D } from "@vitrail/tensor";
import {
  adamW,
  assignWeights,
  type BatchSource,
  binaryCrossEntropy,
  combineGroups,
  createSchedule,
  crossEntropy,
  type Extractor,
  extractFeatures,
  type FitOptions,
  featureBatches,
  featuresOf,
  type GroupOf,
  type Loss,
  lamb,
  layerDecay,
  lion,
  noDecayForVectors,
  type Optimizer,
  type RunOptions,
  sgd,
} from "@vitrail/train";
import type { ChosenEngine } from "../engine-choice.ts";
import { userError } from "../open-model.ts";
import { UserError } from "../user-error.ts";
import type { Pictures } from "./pictures.ts";
import { isMixed, type Recipe } from "./recipe.ts";
import { openTeacher } from "./teacher.ts";
import type { Trainee } from "./trainee.ts";

/** A recipe in which everything that has no default elsewhere is decided. */
export type Resolved = Recipe &
  Required<Pick<Recipe, "model" | "weights" | "mode" | "batch_size" | "opt" | "lr" | "epochs" | "seed">>;

/** What `fit` is told, besides where it runs and whom it tells. */
export interface Session {
  readonly fit: Pick<
    FitOptions,
    | "model"
    | "data"
    | "epochs"
    | "optimizer"
    | "loss"
    | "schedule"
    | "accumulate"
    | "clipNorm"
    | "frozen"
    | "ema"
    | "monitor"
    | "earlyStopping"
    | "validateEvery"
    | "teacher"
    | "seed"
  >;
  /** Of what is trained; `publish` makes the whole model of it. */
  readonly run: Pick<RunOptions, "params" | "publish">;
  /** The whole model, which holds the best weights after `fit`. */
  readonly model: ImageModel;
  /** Every validation picture once, as the whole model sees it. */
  readonly validation: Loader;
  dispose(): Promise<void>;
}

/** Told while features are computed. */
export type OnFeatures = (done: number, of: number) => void;

/** What else a session needs. */
export interface SessionOptions {
  readonly onNote: (line: string) => void;
  readonly onFeatures: OnFeatures;
  /** Never ask the network for a teacher. */
  readonly offline: boolean | undefined;
}

/** Builds the parts of a run. */
export async function openSession(
  recipe: Resolved,
  trainee: Trainee,
  pictures: Pictures,
  engine: ChosenEngine,
  { onNote, onFeatures, offline }: SessionOptions,
): Promise<Session> {
  const { classes } = pictures;
  const { preprocess, spec } = trainee;
  const model = trainee.build(classes, recipe, onNote);
  const loaders: Loader[] = [];
  const loader = (options: Parameters<typeof createLoader>[0]): Loader => {
    const made = createLoader(options);
    loaders.push(made);
    return made;
  };
  const others: { dispose(): unknown }[] = [model];
  try {
    const validation = loader({
      split: pictures.val,
      transform: { kind: "eval", preprocess },
      batchSize: Math.min(recipe.batch_size, 64),
      numClasses: classes.length,
      cache: recipe.cache ?? false,
    });
    const train = () => loader(trainLoader(recipe, preprocess, pictures));
    const everyPicture = (look: Preprocess) =>
      loader({
        split: pictures.train,
        transform: { kind: "eval", preprocess: look },
        batchSize: validation.batchSize,
        numClasses: classes.length,
      });
    const teacher = await openTeacher(recipe, {
      student: preprocess,
      classes,
      offline,
      answers: (model, look) =>
        extractFeatures(model, everyPicture(look), {
          ...engine,
          onProgress: (done) => onFeatures(done, pictures.train.length),
        }),
    });
    if (teacher) others.push(teacher);
    const shared = { ...common(recipe), ...(teacher && { teacher: teacher.teacher }) };
    if (recipe.mode === "linear") {
      const probe = await openProbe(
        recipe,
        model,
        spec.head,
        { train, validation, pictures, everyPicture: () => everyPicture(preprocess) },
        engine,
        onFeatures,
      );
      others.push(...probe.others);
      return finish({ model: probe.model, data: probe.data }, probe.params, (best) => {
        assignWeights(probe.model, best as never);
        return model.params.stateDict();
      });
    }
    const data = { train: train() as BatchSource, validation };
    if (recipe.mode === "lora") {
      const lora = userError(() =>
        addLora(spec as never, model, {
          ...(recipe.lora_rank === undefined ? {} : { rank: recipe.lora_rank }),
          ...(recipe.lora_alpha === undefined ? {} : { alpha: recipe.lora_alpha }),
          seed: recipe.seed,
        }),
      );
      others.push(lora.model);
      const publish = (best: Parameters<RunOptions["publish"] & {}>[0]) => {
        assignWeights(lora.model, best);
        return lora.merge();
      };
      return finish({ model: lora.model, data, frozen: lora.frozen }, lora.model.params, publish, lora.model);
    }
    const frozen = recipe.mode === "partial" ? lastBlocks(recipe, trainee, model) : undefined;
    return finish({ model, data, ...(frozen ? { frozen } : {}) }, model.params);

    function finish(
      own: Pick<FitOptions, "model" | "data"> & Partial<Pick<FitOptions, "frozen">>,
      params: ParamStore,
      publish?: RunOptions["publish"],
      whole: ImageModel = model,
    ): Session {
      const perEpoch = Math.ceil(own.data.train.batches / (recipe.grad_accum_steps ?? 1));
      const schedule = userError(() => scheduleOf(recipe, perEpoch));
      const optimizer = userError(() => optimizerOf(recipe, trainee, model));
      return {
        fit: { ...shared, ...own, schedule, epochs: schedule.epochs, optimizer },
        run: { params, ...(publish ? { publish } : {}) },
        model: whole,
        validation,
        async dispose() {
          await Promise.all(loaders.map((one) => one.dispose()));
          for (const one of others.reverse()) await one.dispose();
        },
      };
    }
  } catch (error) {
    await Promise.all(loaders.map((one) => one.dispose()));
    for (const one of others.reverse()) await one.dispose();
    throw error;
  }
}

/** What of `fit`'s settings a recipe says directly. */
function common(recipe: Resolved): Omit<Session["fit"], "model" | "data" | "epochs" | "optimizer"> {
  const { grad_accum_steps, clip_grad, model_ema, early_stopping, eval_metric, val_interval, seed } = recipe;
  return {
    loss: lossOf(recipe),
    seed,
    ...(grad_accum_steps === undefined ? {} : { accumulate: grad_accum_steps }),
    ...(clip_grad ? { clipNorm: clip_grad } : {}),
    ...(model_ema
      ? { ema: { decay: recipe.model_ema_decay ?? 0.9998, warmup: recipe.model_ema_warmup ?? false } }
      : {}),
    ...(early_stopping === undefined ? {} : { earlyStopping: { patience: early_stopping } }),
    ...(eval_metric === undefined ? {} : { monitor: eval_metric }),
    ...(val_interval === undefined ? {} : { validateEvery: val_interval }),
  };
}

function lossOf(recipe: Recipe): Loss {
  const smoothing = isMixed(recipe) ? 0 : (recipe.smoothing ?? 0); // mixed targets bring their own
  if (recipe.bce_loss) {
    const { bce_target_thresh, bce_sum } = recipe;
    const options = {
      smoothing,
      ...(bce_target_thresh === undefined ? {} : { targetThreshold: bce_target_thresh }),
      ...(bce_sum === undefined ? {} : { sumClasses: bce_sum }),
    };
    return (logits, target) => binaryCrossEntropy(logits, target, options);
  }
  return (logits, target) => crossEntropy(logits, target, { labelSmoothing: smoothing });
}

function optimizerOf(recipe: Resolved, { spec }: Trainee, model: { readonly config: unknown }): Optimizer {
  const { opt, lr, momentum = 0.9, weight_decay: weightDecay = 0, opt_eps, opt_betas, layer_decay, mode } = recipe;
  const rules: GroupOf[] = [noDecayForVectors()];
  if (layer_decay !== undefined && layer_decay < 1 && mode !== "linear") {
    const layers = spec.layers?.(model.config);
    if (!layers) throw new UserError(`layer_decay: ${spec.name} does not say how its layers lie`);
    rules.push(layerDecay(layers, { decay: layer_decay }));
  }
  const groupOf = combineGroups(...rules);
  const eps = opt_eps === undefined ? {} : { eps: opt_eps };
  const betas = opt_betas === undefined ? {} : { betas: opt_betas };
  switch (opt) {
    case "sgd":
      return sgd({ lr, momentum, weightDecay, nesterov: momentum > 0, groupOf });
    case "momentum":
      return sgd({ lr, momentum, weightDecay, groupOf });
    case "adamw":
      return adamW({ lr, weightDecay, groupOf, ...eps, ...betas });
    case "lamb":
      return lamb({ lr, weightDecay, groupOf, ...eps, ...betas });
    case "lion":
      return lion({ lr, weightDecay, groupOf, ...betas });
  }
}

function scheduleOf(recipe: Resolved, updatesPerEpoch: number) {
  const set = <K extends string, V>(name: K, value: V | undefined) =>
    (value === undefined ? {} : { [name]: value }) as { [key in K]?: V };
  return createSchedule({
    sched: recipe.sched ?? "cosine",
    lr: recipe.lr,
    epochs: recipe.epochs,
    updatesPerEpoch,
    plateauMode: recipe.eval_metric === "loss" ? "min" : "max",
    ...set("schedOnUpdates", recipe.sched_on_updates),
    ...set("minLr", recipe.min_lr),
    ...set("warmupEpochs", recipe.warmup_epochs),
    ...set("warmupLr", recipe.warmup_lr),
    ...set("warmupPrefix", recipe.warmup_prefix),
    ...set("cooldownEpochs", recipe.cooldown_epochs),
    ...set("decayEpochs", recipe.decay_epochs),
    ...set("decayMilestones", recipe.decay_milestones),
    ...set("decayRate", recipe.decay_rate),
    ...set("patienceEpochs", recipe.patience_epochs),
    ...set("lrCycleMul", recipe.lr_cycle_mul),
    ...set("lrCycleDecay", recipe.lr_cycle_decay),
    ...set("lrCycleLimit", recipe.lr_cycle_limit),
    ...set("lrKDecay", recipe.lr_k_decay),
  });
}

function trainLoader(
  recipe: Resolved,
  preprocess: Preprocess,
  { train, classes }: Pictures,
): Parameters<typeof createLoader>[0] {
  return {
    split: train,
    transform: recipe.no_aug ? { kind: "eval", preprocess } : trainTransformOf(recipe, preprocess),
    batchSize: recipe.batch_size,
    shuffle: true,
    dropLast: true,
    seed: recipe.seed,
    numClasses: classes.length,
    sampler: recipe.balanced
      ? { kind: "balanced" }
      : recipe.aug_repeats
        ? { kind: "repeated", repeats: recipe.aug_repeats }
        : undefined,
    mix: isMixed(recipe)
      ? {
          mixupAlpha: recipe.mixup ?? 0,
          cutmixAlpha: recipe.cutmix ?? 0,
          cutmixMinmax: recipe.cutmix_minmax,
          prob: recipe.mixup_prob,
          switchProb: recipe.mixup_switch_prob,
          mode: recipe.mixup_mode,
          labelSmoothing: recipe.smoothing ?? 0,
        }
      : undefined,
    cache: recipe.cache ?? false,
  };
}

function trainTransformOf(recipe: Recipe, { inputSize, mean, std }: Preprocess): LoaderTransform {
  return {
    kind: "train",
    inputSize,
    mean,
    std,
    cropMode: recipe.train_crop_mode,
    padding: recipe.crop_padding,
    paddingMode: recipe.crop_padding_mode,
    scale: recipe.scale,
    ratio: recipe.ratio,
    interpolation: recipe.train_interpolation,
    hflip: recipe.hflip,
    vflip: recipe.vflip,
    colorJitter: recipe.color_jitter,
    colorJitterProb: recipe.color_jitter_prob,
    grayscaleProb: recipe.grayscale_prob,
    autoAugment: recipe.aa === "none" ? undefined : recipe.aa,
    reProb: recipe.reprob,
    reMode: recipe.remode,
    reCount: recipe.recount,
  };
}

/** For mode partial: what stays as it is. */
function lastBlocks(
  { train_blocks = 2 }: Recipe,
  { spec }: Trainee,
  { config }: { readonly config: unknown },
): (name: string) => boolean {
  const layers = spec.layers?.(config);
  if (!layers) throw new UserError(`mode partial: ${spec.name} does not say how its layers lie`);
  try {
    return allButLast(layers, train_blocks);
  } catch (error) {
    throw new UserError(`train_blocks: ${(error as Error).message}`);
  }
}

interface ProbeParts {
  readonly train: () => Loader;
  readonly validation: Loader;
  readonly pictures: Pictures;
  /** The training pictures, without augmentation. */
  readonly everyPicture: () => Loader;
}

/**
 * Mode linear: a new classifier on features. Those of pictures that always look the same are computed once; augmented ones, for every
 * batch.
 */
async function openProbe(
  recipe: Resolved,
  model: ImageModel,
  head: string,
  { train, validation, pictures, everyPicture }: ProbeParts,
  engine: ChosenEngine,
  onFeatures: OnFeatures,
) {
  const extractor: Extractor = {
    forward: (x: Tensor4D): Tensor => model.forwardHead(model.forwardFeatures(x), undefined, { preLogits: true }),
  };
  const total = pictures.train.length + pictures.val.length;
  const seen = await extractFeatures(extractor, validation, {
    ...engine,
    onProgress: (done) => onFeatures(done, total),
  });
  const others: { dispose(): unknown }[] = [];
  let source: BatchSource;
  if (recipe.no_aug) {
    const onProgress = (done: number) => onFeatures(pictures.val.length + done, total);
    const features = await extractFeatures(extractor, everyPicture(), { ...engine, onProgress });
    source = featureBatches(features, { batchSize: recipe.batch_size, shuffle: true, seed: recipe.seed });
  } else {
    const fresh = await featuresOf(extractor, train(), engine);
    others.push(fresh);
    source = fresh;
  }
  const params = shareParams(model.params.at(head), { fresh: () => false });
  others.push(params);
  const classifier = new Linear(params, model.numFeatures, pictures.classes.length);
  return {
    model: { params, forward: (x: Tensor4D): Tensor => classifier.forward(x as Tensor as Tensor2D) },
    params,
    data: {
      train: source,
      validation: featureBatches(seen, { batchSize: validation.batchSize, shuffle: false }),
    },
    others,
  };
}
