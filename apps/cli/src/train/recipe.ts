/** Recipes: the settings of a training run by the names of timm's train.py, from YAML files and from the command line. */
import { readFileSync } from "node:fs";
import { parse, type YAMLParseError } from "yaml";
import { didYouMean } from "../suggest.ts";
import { UserError } from "../user-error.ts";
import {
  choice,
  flag,
  list,
  names,
  number,
  pair,
  type Rule,
  share,
  table,
  text,
  type ValueOf,
  whole,
} from "./rules.ts";

/** Every setting. Those that are not given are picked for the model and the data. */
export const SETTINGS = {
  // the model
  model: text(),
  weights: text(), // a folder, a file, a name on the hub, or none
  backbone_weights: text(), // as weights, of a hybrid's backbone: the rest begins anew
  img_size: whole(1),
  model_kwargs: table(), // its configuration where it differs: { patch_size: 4, depth: 6 }
  drop: share(),
  drop_path: share(),
  mode: choice("full", "linear", "partial", "lora"),
  train_blocks: whole(1), // of mode partial: the last so many blocks learn
  lora_rank: whole(1),
  lora_alpha: number(0),
  // the data
  classes: names(), // of all pictures those of these classes only
  val_fraction: share(),
  train_fraction: share(), // of what is left to train on, so much of every class
  limit: whole(1),
  batch_size: whole(1),
  grad_accum_steps: whole(1),
  balanced: flag(), // every class as often as the others
  aug_repeats: whole(0),
  cache: flag(), // keeps decoded pictures in memory
  seed: whole(0),
  // the optimiser
  opt: choice("sgd", "momentum", "adamw", "lamb", "lion"),
  lr: number(0),
  momentum: share(),
  weight_decay: number(0),
  opt_eps: number(0),
  opt_betas: pair(0, 1),
  clip_grad: number(0),
  layer_decay: share(),
  // the schedule
  sched: choice("cosine", "tanh", "poly", "step", "multistep", "plateau", "onecycle", "none"),
  sched_on_updates: flag(),
  epochs: whole(1),
  warmup_epochs: number(0),
  warmup_lr: number(0),
  warmup_prefix: flag(),
  cooldown_epochs: whole(0),
  min_lr: number(0),
  decay_epochs: number(0),
  decay_milestones: list(0),
  decay_rate: number(0),
  patience_epochs: whole(0),
  lr_cycle_mul: number(0),
  lr_cycle_decay: number(0),
  lr_cycle_limit: whole(1),
  lr_k_decay: number(0),
  // augmentation
  no_aug: flag(),
  train_crop_mode: choice("rrc", "rkrc", "rkrr", "src", "pad"),
  crop_padding: whole(0), // of train_crop_mode src and pad
  crop_padding_mode: choice("constant", "edge", "reflect", "symmetric"),
  scale: pair(0, 1),
  ratio: pair(0, 100),
  hflip: share(),
  vflip: share(),
  color_jitter: number(0),
  color_jitter_prob: share(),
  grayscale_prob: share(),
  aa: text(), // timm's grammar, or none
  train_interpolation: choice("random", "bilinear", "bicubic"),
  reprob: share(),
  remode: choice("const", "rand", "pixel"),
  recount: whole(1),
  mixup: number(0),
  cutmix: number(0),
  cutmix_minmax: pair(0, 1),
  mixup_prob: share(),
  mixup_switch_prob: share(),
  mixup_mode: choice("batch", "pair", "elem"),
  smoothing: share(),
  // the loss
  bce_loss: flag(),
  bce_target_thresh: share(),
  bce_sum: flag(),
  // preprocessing for validation, and of the model that results
  interpolation: choice("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"),
  crop_pct: share(),
  crop_mode: choice("center", "squash", "border"),
  mean: list(0),
  std: list(0),
  // averaged weights
  model_ema: flag(),
  model_ema_decay: share(),
  model_ema_warmup: flag(),
  // a teacher
  kd_model_name: text(),
  kd_weights: text(),
  kd_distill_type: choice("soft", "hard"),
  kd_temperature: number(0),
  kd_precompute: flag(),
  task_loss_weight: number(0),
  distill_loss_weight: number(0),
  // when it ends, and what counts
  eval_metric: choice("top1", "loss"),
  val_interval: whole(1),
  early_stopping: whole(1),
} as const satisfies Readonly<Record<string, Rule<unknown>>>;

/** Settings that were given, by name. */
export type Recipe = { readonly [Name in keyof typeof SETTINGS]?: ValueOf<(typeof SETTINGS)[Name]> };

/** Whether images of a batch are mixed, and targets with them. */
export const isMixed = ({ mixup = 0, cutmix = 0, cutmix_minmax }: Recipe): boolean =>
  mixup > 0 || cutmix > 0 || cutmix_minmax !== undefined;

/** What a recipe says for people. */
const LAB_BOOK = ["title", "paper", "command", "data", "expected", "obtained", "notes"];

/**
 * Reads a recipe's file.
 * @throws UserError in one line: what is wrong, where, and the nearest name of a setting that does not exist
 */
export function readRecipe(path: string): Recipe {
  let source: string;
  try {
    source = readFileSync(path, "utf8");
  } catch (error) {
    throw new UserError(
      `--recipe ${path}: ${(error as NodeJS.ErrnoException).code === "ENOENT" ? "no such file" : (error as Error).message}`,
    );
  }
  let found: unknown;
  try {
    found = parse(source, { maxAliasCount: 100 });
  } catch (error) {
    const [line = ""] = (error as YAMLParseError).message.split("\n");
    throw new UserError(`--recipe ${path}: ${line.replace(/:$/, "")}`);
  }
  if (found === null) return {};
  if (typeof found !== "object" || Array.isArray(found)) {
    throw new UserError(
      `--recipe ${path}: expected lines of "name: value", found ${JSON.stringify(found).slice(0, 60)}`,
    );
  }
  return checkRecipe(found as Record<string, unknown>, `--recipe ${path}`);
}

/** Checks settings one by one. */
export function checkRecipe(given: Readonly<Record<string, unknown>>, where: string): Recipe {
  const recipe: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(given)) {
    const name = key.replaceAll("-", "_");
    if (LAB_BOOK.includes(name) || value === undefined || value === null) continue;
    if (!Object.hasOwn(SETTINGS, name)) {
      throw new UserError(
        `${where}: no setting is called ${JSON.stringify(key)}.${didYouMean(name, [...Object.keys(SETTINGS), ...LAB_BOOK])}`,
      );
    }
    const rule = SETTINGS[name as keyof typeof SETTINGS] as Rule<unknown>;
    const checked = rule.read(value);
    if (checked === undefined) {
      throw new UserError(`${where}: ${name}: expected ${rule.expected}, found ${JSON.stringify(value)}`);
    }
    recipe[name] = checked;
  }
  return recipe as Recipe;
}
