import type { ImageModel } from "./model.ts";
import type { ParamStore } from "./params.ts";

/** How a photo becomes a model's input, in timm's terms. */
export interface Preprocess {
  /** Channels, height, width. */
  readonly inputSize: readonly [3, number, number];
  readonly interpolation: "nearest" | "box" | "bilinear" | "hamming" | "bicubic" | "lanczos";
  /** The crop's side over the resized image's. */
  readonly cropPct: number;
  readonly cropMode: "center" | "squash" | "border";
  /** Of values in 0–1, red, green, blue. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** One published checkpoint. What is not known is null, never guessed. */
export interface WeightsSpec {
  /** timm's name of the training, e.g. `"augreg_in21k_ft_in1k"`. */
  readonly tag: string;
  /** `organisation/repository` on the hub. */
  readonly hubId: string;
  /** SPDX id as its publisher states it. */
  readonly license: string;
  /** Who trained it, and where that is said. */
  readonly source: string;
  /** The paper of the training or, where that has none, of the network. */
  readonly paper: string | null;
  /** ImageNet-1k validation accuracy in per cent, as timm measured it with `preprocess`. */
  readonly top1: number | null;
  /** Learned values. */
  readonly params: number;
  /** Billions of multiply-accumulates at `preprocess.inputSize`. */
  readonly gmacs: number | null;
  /** What `top1` was measured with. A repository's own config.json, where it says other, comes first. */
  readonly preprocess: Preprocess;
  readonly numClasses: number;
}

/** The published checkpoints of a model, by tag: a known tag completes in an editor, an unknown one does not compile. */
export type WeightsTable<Tag extends string = string> = Readonly<Record<Tag, WeightsSpec>>;

/** A model as data: its name, its sizes, how to build it, which checkpoints there are. */
export interface ModelSpec<C, M extends ImageModel, W extends WeightsTable = WeightsTable> {
  /** timm's name. */
  readonly name: string;
  readonly config: C;
  readonly build: (params: ParamStore, config: C) => M;
  /** Path of the classifier in the checkpoint: `"fc"`, `"head"`. */
  readonly head: string;
  /** For weights that come without their own. */
  readonly preprocess: Preprocess;
  readonly weights: W;
  readonly withClasses: (config: C, numClasses: number) => C;
}
