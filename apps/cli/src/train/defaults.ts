/** What is taken where a recipe says nothing: by the model, the data's size, and whether there are weights to begin with. */
import type { Recipe } from "./recipe.ts";

/** What a choice depends on. */
export interface Situation {
  readonly family: "transformer" | "resnet" | "cifar";
  /** Whether training begins from weights. */
  readonly pretrained: boolean;
  /** Training images. */
  readonly images: number;
  /** Side of the input, in pixels. */
  readonly imgSize: number;
  /** Whether the pictures have that size as they are. */
  readonly exact: boolean;
}

/** A choice, and how it is told in a line. */
export interface Choice {
  readonly recipe: Recipe;
  readonly reason: string;
}

/** Epochs that show a model about so many images, within bounds. */
const epochsFor = (shown: number, images: number, least: number, most: number): number =>
  Math.min(most, Math.max(least, Math.round(shown / images)));

/** Images of a batch: as many as a small machine's memory bears, and at least two batches an epoch. */
function batchFor({ imgSize, images }: Situation): number {
  let batch = imgSize >= 160 ? 16 : imgSize >= 80 ? 32 : 128;
  while (batch > 2 && 2 * batch > images) batch /= 2;
  return batch;
}

/** Below it, learning all of a network takes longer and gains little over a new classifier on features that stay. */
const FEW = 2000;

/** A sound recipe; what the user says replaces any part of it. */
export function pickRecipe(situation: Situation, mode: Recipe["mode"]): Choice {
  if (!situation.pretrained) return fromScratch(situation);
  const few = situation.images < FEW;
  if (mode === "linear" || (mode === undefined && few)) return probe(situation);
  return fineTune(situation, mode);
}

function probe({ images }: Situation): Choice {
  let batch = 64;
  while (batch > 2 && 4 * batch > images) batch /= 2;
  return {
    reason: "a new classifier on the features of the network, which stays as it is (--mode full trains all of it)",
    recipe: {
      mode: "linear",
      no_aug: true,
      batch_size: batch,
      opt: "adamw",
      lr: 0.003,
      weight_decay: 0.01,
      sched: "cosine",
      sched_on_updates: true,
      epochs: epochsFor(15_000, images, 10, 60),
      early_stopping: 10,
    },
  };
}

function fineTune(situation: Situation, mode: Recipe["mode"]): Choice {
  const batch = batchFor(situation);
  const transformer = situation.family === "transformer";
  const common: Recipe = {
    mode: mode ?? "full",
    batch_size: batch,
    sched: "cosine",
    sched_on_updates: true,
    epochs: epochsFor(10_000, situation.images, 3, 20),
    warmup_epochs: 1,
    warmup_lr: 1e-6,
    scale: [0.35, 1],
    smoothing: 0.1,
    clip_grad: 1,
  };
  const own: Recipe = transformer
    ? {
        opt: "adamw",
        lr: round(1e-3 * Math.sqrt(batch / 256)),
        weight_decay: 0.05,
        layer_decay: mode === "lora" ? 1 : 0.75,
        drop_path: 0.1,
      }
    : { opt: "sgd", lr: round(0.02 * (batch / 32)), momentum: 0.9, weight_decay: 1e-4 };
  const what = { full: "all of the network", partial: "its last layers", lora: "low-rank updates of its layers" };
  return {
    reason: `${what[(mode ?? "full") as "full"]}, from the weights it has, ${transformer ? "lower layers more slowly" : "at a low rate"}`,
    recipe: { ...common, ...own },
  };
}

function fromScratch(situation: Situation): Choice {
  const { family, images, imgSize, exact } = situation;
  const batch = batchFor(situation);
  const small = imgSize <= 64;
  const shared: Recipe = {
    mode: "full",
    batch_size: batch,
    sched: "cosine",
    sched_on_updates: true,
    // Pictures of 32 pixels repay some 2 million looks, large ones more than a small machine has time for.
    epochs: epochsFor(small ? 1_800_000 : 3_000_000, images, 10, 200),
    // As the ResNet paper on CIFAR: pictures that have the size already are only shifted.
    ...(exact ? { train_crop_mode: "pad", crop_padding: Math.max(1, Math.round(imgSize / 8)), color_jitter: 0 } : {}),
  };
  if (family === "transformer") {
    return {
      reason: "from random weights, as DeiT: strong augmentation, mixed images; without much data a ResNet learns more",
      recipe: {
        ...shared,
        opt: "adamw",
        lr: round(1e-3 * (batch / 512)),
        weight_decay: 0.05,
        warmup_epochs: 5,
        warmup_lr: 1e-6,
        aa: "rand-m9-mstd0.5-inc1",
        mixup: 0.8,
        cutmix: 1,
        smoothing: 0.1,
        drop_path: 0.1,
        clip_grad: 1,
      },
    };
  }
  return {
    reason: "from random weights, as the ResNet paper: momentum, a falling rate",
    recipe: {
      ...shared,
      opt: "sgd",
      lr: round(0.1 * (small ? batch / 128 : batch / 256)),
      momentum: 0.9,
      weight_decay: small ? 5e-4 : 1e-4,
      warmup_epochs: 1,
      warmup_lr: 1e-3,
      ...(small ? {} : { smoothing: 0.1 }),
    },
  };
}

const round = (x: number): number => Number(x.toPrecision(2));
