/**
 * Several image models as one: the mean of their answers, one classifier over their features side by side, or over features
 * that a gate mixes, as the gated multimodal unit of https://arxiv.org/abs/1702.01992 does.
 *
 * Shapes: B images; D features of all parts side by side, Dᵢ of part i; W width of the gated features; K classes.
 */
import {
  add,
  clone,
  concat,
  mul,
  reshape,
  slice,
  softmax,
  split,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  tanh,
  tensor1d,
  tidy,
  transpose,
} from "@vitrail/tensor";
import { type Context, inference } from "./context.ts";
import { ImageNetwork } from "./image-network.ts";
import { Linear } from "./linear.ts";
import { buildHead, type ImageModel, rebuildOn } from "./model.ts";
import type { Head, Module } from "./module.ts";
import type { ParamStore } from "./params.ts";
import { Dropout } from "./regularize.ts";
import type { PartSpec, Preprocess } from "./spec.ts";

export interface FusionConfig {
  /** The models, by the path that their parameters get in front. Their classifiers are left out. */
  readonly parts: Readonly<Record<string, PartSpec>>;
  /** `"logits"`: each part has a classifier, the answer is their mean. `"concat"`, `"gated"`: one over the features of all. */
  readonly fusion: "logits" | "concat" | "gated";
  /** 0: no classifier. */
  readonly numClasses: number;
  /** Length of the gated features. Default: the widest part's. */
  readonly width?: number;
  /** Dropout before the classifier, in training; the parts' own is not asked. Default 0. */
  readonly dropRate?: number;
  /** Mean and deviation that images come with. A part whose preprocessing has others gets them so. Default: the first part's. */
  readonly images?: Pick<Preprocess, "mean" | "std">;
}

/** One of the models, and where its features lie among all. */
interface Part {
  readonly name: string;
  readonly model: ImageModel;
  /** From the fusion's normalisation to the part's own: x ← x scale + shift, channel by channel. */
  readonly renormalise: { readonly scale: readonly number[]; readonly shift: readonly number[] } | undefined;
  readonly start: number;
}

const featuresOf = (x: Tensor2D, { start, model }: Part): Tensor2D =>
  slice(x, [0, start], [x.shape[0], model.numFeatures]);

/** Mixes the parts' features: hᵢ = tanh(Wᵢ fᵢ), z = softmax over the parts of V f, h = Σ zᵢ hᵢ. Of two parts, zᵢ is the unit's σ. */
class Gate {
  readonly path: string;
  readonly width: number;
  readonly parts: readonly Part[];
  readonly project: readonly Linear[];
  readonly gate: Linear;

  constructor(params: ParamStore, parts: readonly Part[], numFeatures: number, width: number) {
    this.path = params.at("gate").path;
    this.width = width;
    this.parts = parts;
    this.project = parts.map(({ name, model }) => new Linear(params.at("project").at(name), model.numFeatures, width));
    this.gate = new Linear(params.at("gate"), numFeatures, parts.length * width);
  }

  /** [B, D] -> [B, W] */
  forward(features: Tensor2D, ctx: Context): Tensor2D {
    const n = this.parts.length;
    const shares = reshape(this.gate.forward(features, ctx), [-1, n, this.width]);
    const z = softmax(transpose(shares, [0, 2, 1])); // [B, W, n]: softmax takes the last axis
    const h = this.parts.map((part, i) => tanh((this.project[i] as Linear).forward(featuresOf(features, part), ctx)));
    const mixed = split(z, n, 2).map((share, i) => mul(reshape(share, [-1, this.width]), h[i] as Tensor));
    return mixed.reduce((a, b) => add(a, b)) as Tensor2D;
  }
}

/** A classifier for each part's features; the answer is the mean of theirs. */
class MeanOfHeads implements Module {
  readonly path: string;
  readonly parts: readonly Part[];
  readonly heads: readonly Linear[];

  constructor(params: ParamStore, parts: readonly Part[], numClasses: number) {
    this.path = params.path;
    this.parts = parts;
    this.heads = parts.map(({ name, model }) => new Linear(params.at(name), model.numFeatures, numClasses));
  }

  /** [B, D] -> [B, K] */
  forward(features: Tensor, ctx: Context = inference): Tensor {
    const logits = this.parts.map((part, i) =>
      (this.heads[i] as Linear).forward(featuresOf(features as Tensor2D, part), ctx),
    );
    const mean = mul(logits.reduce((a, b) => add(a, b)) as Tensor, 1 / this.heads.length);
    ctx.tap(this.path, mean);
    return mean;
  }
}

/** Several image models as one. */
export class Fusion extends ImageNetwork<FusionConfig> {
  readonly numClasses: number;
  readonly numFeatures: number;
  readonly parts: readonly Part[];
  readonly gate: Gate | undefined;
  readonly dropout: Dropout;
  readonly classifier: Module;

  /** `head` stands in for `config.numClasses` where the classifier is no plain linear layer. */
  constructor(params: ParamStore, config: FusionConfig, head: Head = config.numClasses) {
    super(params, config);
    this.parts = buildParts(params, config);
    const all = this.parts.reduce((sum, { model }) => sum + model.numFeatures, 0);
    const widest = Math.max(...this.parts.map(({ model }) => model.numFeatures));
    const { fusion, width = widest, dropRate = 0 } = config;
    this.gate = fusion === "gated" ? new Gate(params, this.parts, all, width) : undefined;
    this.numFeatures = this.gate ? width : all;
    this.dropout = new Dropout(params.at("head_drop").path, dropRate);
    const own = params.at("head");
    const built =
      fusion === "logits" && typeof head === "number" && head > 0
        ? { module: new MeanOfHeads(own, this.parts, head), numClasses: head }
        : buildHead(own, this.numFeatures, head);
    this.classifier = built.module;
    this.numClasses = built.numClasses;
  }

  /** [B, H, W, C] images, normalised as `config.images` says -> [B, D], the pooled features of all parts side by side */
  forwardFeatures(images: Tensor4D, ctx: Context = inference): Tensor2D {
    return tidy(() => {
      const pooled = this.parts.map(({ model, renormalise }) => {
        const x = renormalise
          ? add(mul(images, tensor1d([...renormalise.scale])), tensor1d([...renormalise.shift]))
          : images;
        return model.pool(model.forwardFeatures(x as Tensor4D, ctx), ctx);
      });
      return concat(pooled, 1);
    });
  }

  /** [B, D] -> [B, numFeatures]: as they are, or mixed by the gate */
  pool(features: Tensor, ctx: Context = inference): Tensor2D {
    return tidy(() => this.gate?.forward(features as Tensor2D, ctx) ?? clone(features as Tensor2D));
  }

  resetHead(head: Head, { seed = 0 }: { readonly seed?: number } = {}): Fusion {
    return rebuildOn(this.params, "head", seed, (params) => {
      return new Fusion(params, typeof head === "number" ? { ...this.config, numClasses: head } : this.config, head);
    });
  }
}

/** Names in the fusion that are no part's. */
const TAKEN = ["head", "gate", "project"];

function buildParts(params: ParamStore, { parts, fusion, images }: FusionConfig): readonly Part[] {
  const entries = Object.entries(parts);
  const [first] = entries;
  if (!first || entries.length < 2) throw new RangeError(`parts: expected two models or more, found ${entries.length}`);
  if (!["logits", "concat", "gated"].includes(fusion)) {
    throw new RangeError(`fusion: expected "logits", "concat" or "gated", found ${JSON.stringify(fusion)}`);
  }
  const given = images ?? first[1].preprocess;
  let start = 0;
  return entries.map(([name, spec]): Part => {
    if (name === "" || name.includes(".") || TAKEN.includes(name)) {
      throw new RangeError(`parts: a part cannot be called ${JSON.stringify(name)}`);
    }
    const model = spec.build(params.at(name), spec.withClasses(spec.config as never, 0) as never);
    const part = { name, model, renormalise: between(given, spec.preprocess), start };
    start += model.numFeatures;
    return part;
  });
}

type Normalisation = Pick<Preprocess, "mean" | "std">;

/** (x s + m − m′) / s′ for x normalised by m and s; nothing where both are alike. */
function between({ mean, std }: Normalisation, { mean: mean2, std: std2 }: Normalisation): Part["renormalise"] {
  const scale = std.map((s, c) => s / (std2[c] as number));
  const shift = mean.map((m, c) => (m - (mean2[c] as number)) / (std2[c] as number));
  return scale.every((s) => s === 1) && shift.every((s) => s === 0) ? undefined : { scale, shift };
}
