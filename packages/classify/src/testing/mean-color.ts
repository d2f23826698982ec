import { encodeSafetensors } from "@vitrail/checkpoint";
import type { WeightsSource } from "@vitrail/hub";
import {
  buildHead,
  type Context,
  collectIntermediates,
  type Head,
  type ImageModel,
  inference,
  type ModelSpec,
  type Module,
  type ParamStore,
  rebuildOn,
} from "@vitrail/layers";
import { mean, type Tensor, type Tensor2D, type Tensor4D, tidy } from "@vitrail/tensor";

interface MeanColorConfig {
  readonly numClasses: number;
}

/** The smallest image model: the mean colour of the image under a linear classifier. */
export class MeanColor implements ImageModel {
  readonly params: ParamStore;
  readonly numClasses: number;
  readonly numFeatures = 3;
  readonly head: Module;

  constructor(params: ParamStore, classes: Head) {
    this.params = params;
    const { module, numClasses } = buildHead(params.at("head") as ParamStore, 3, classes);
    this.head = module;
    this.numClasses = numClasses;
  }

  forwardFeatures(x: Tensor4D): Tensor {
    return x;
  }

  pool(features: Tensor): Tensor2D {
    return mean(features, [1, 2]);
  }

  forwardHead(features: Tensor, ctx: Context = inference): Tensor2D {
    return tidy(() => this.head.forward(this.pool(features), ctx) as Tensor2D);
  }

  forward(x: Tensor4D, ctx: Context = inference): Tensor2D {
    return this.forwardHead(this.forwardFeatures(x), ctx);
  }

  intermediates(x: Tensor4D, names: readonly string[]): Record<string, Tensor> {
    return collectIntermediates((ctx) => this.forward(x, ctx), names);
  }

  resetHead(head: Head, { seed = 0 }: { readonly seed?: number } = {}): MeanColor {
    return rebuildOn(this.params, "head", seed, (params) => new MeanColor(params, head));
  }

  dispose(): void {
    this.params.dispose();
  }
}

export const mean_color: ModelSpec<MeanColorConfig, MeanColor> = {
  name: "mean_color",
  config: { numClasses: 3 },
  build: (params, { numClasses }) => new MeanColor(params, numClasses),
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
