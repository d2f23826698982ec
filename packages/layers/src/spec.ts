import type { StateDict } from "@vitrail/tensor";
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

/**
 * A model's layers from the image to the answer, as timm's `param_groups_layer_decay` numbers them: the stem is 0, each
 * block is one more, the classifier is the last.
 */
export interface LayerOrder {
  readonly numLayers: number;
  /** The layer of a parameter, from 0, by its name in the checkpoint. */
  layerOf(name: string): number;
}

/** How {@link ModelSpec.layers} counts. */
export interface LayerOptions {
  /** By stage instead of by block, where a model has stages. Default false. */
  readonly coarse?: boolean;
}

/** What {@link ModelSpec.adapt} is asked for. */
export interface Adaptation<C> {
  /** Of the model to be built. */
  readonly config: C;
  /** The spec's own, which the checkpoint is of as far as anybody knows. */
  readonly from: C;
  /** What the caller said: where a checkpoint differs in anything else, it is the wrong one. */
  readonly changes: Partial<C>;
}

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
  /**
   * A checkpoint made to fit where the caller asked for another configuration and both differ in ways that have an answer:
   * image size, patch size, input channels. All else is left for the load to refuse. Reads nothing before its values are read.
   */
  readonly adapt?: (dict: StateDict, to: Adaptation<C>) => StateDict;
  /** The order of the layers, for learning rates that fall from layer to layer and for training the last ones only. */
  readonly layers?: (config: C, options?: LayerOptions) => LayerOrder;
}

/** A spec whose configuration is its own business, for models that are made of others. */
export interface PartSpec<M extends ImageModel = ImageModel> {
  readonly name: string;
  readonly config: unknown;
  readonly build: (params: ParamStore, config: never) => M;
  readonly head: string;
  readonly preprocess: Preprocess;
  readonly withClasses: (config: never, numClasses: number) => unknown;
  readonly adapt?: (dict: StateDict, to: Adaptation<never>) => StateDict;
  readonly layers?: (config: never, options?: LayerOptions) => LayerOrder;
}
