import { encodeSafetensors } from "@vitrail/checkpoint";
import type { WeightsSource } from "@vitrail/hub";
import {
  buildHead,
  Dropout,
  type Head,
  ImageNetwork,
  type ModelSpec,
  type Module,
  type ParamStore,
  rebuildOn,
} from "@vitrail/layers";
import { mean, type Tensor, type Tensor2D, type Tensor4D } from "@vitrail/tensor";

interface MeanColorConfig {
  readonly numClasses: number;
}

/** The smallest image model: the mean colour of the image under a linear classifier. */
export class MeanColor extends ImageNetwork<MeanColorConfig> {
  readonly numClasses: number;
  readonly numFeatures = 3;
  readonly dropout: Dropout;
  readonly classifier: Module;

  constructor(params: ParamStore, config: MeanColorConfig, head: Head = config.numClasses) {
    super(params, config);
    this.dropout = new Dropout(params.at("dropout").path, 0);
    const built = buildHead(params.at("head"), 3, head);
    this.classifier = built.module;
    this.numClasses = built.numClasses;
  }

  forwardFeatures(x: Tensor4D): Tensor {
    return x;
  }

  pool(features: Tensor): Tensor2D {
    return mean(features, [1, 2]);
  }

  resetHead(head: Head, { seed = 0 }: { readonly seed?: number } = {}): MeanColor {
    return rebuildOn(this.params, "head", seed, (params) => new MeanColor(params, this.config, head));
  }
}

export const mean_color: ModelSpec<MeanColorConfig, MeanColor> = {
  name: "mean_color",
  config: { numClasses: 3 },
  build: (params, config) => new MeanColor(params, config),
  head: "head",
  preprocess: {
    inputSize: [3, 8, 8],
    interpolation: "bilinear",
    cropPct: 1,
    cropMode: "squash",
    mean: [0, 0, 0],
    std: [1, 1, 1],
  },
  weights: {},
  withClasses: (config, numClasses) => ({ ...config, numClasses }),
};

/** Weights under which class i is the i-th colour: red, green, blue, and then nothing. */
export function colorWeights(classes = 3, config?: Readonly<Record<string, unknown>>, scale = 10): WeightsSource {
  const weight = new Float32Array(classes * 3);
  for (let i = 0; i < Math.min(3, classes); i++) weight[i * 4] = scale;
  const tensor = (shape: readonly number[], values: Float32Array) => ({ shape, float32: () => values });
  const model = encodeSafetensors([
    ["head.weight", tensor([classes, 3], weight)],
    ["head.bias", tensor([classes], new Float32Array(classes))],
  ]);
  return config ? { model, config } : { model };
}

/** A config.json for {@link colorWeights}. */
export function colorConfig(more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return {
    architecture: "mean_color",
    num_classes: 3,
    label_names: ["red", "green", "blue"],
    pretrained_cfg: {
      input_size: [3, 8, 8],
      interpolation: "bilinear",
      crop_pct: 1,
      crop_mode: "squash",
      mean: [0, 0, 0],
      std: [1, 1, 1],
    },
    ...more,
  };
}
