/** What the ResNets' specs say besides their sizes: checkpoints for other images, the order of the layers, cut networks. */
import {
  type Adaptation,
  adaptInputConv,
  type LayerOptions,
  type LayerOrder,
  type ModelSpec,
  mapState,
} from "@vitrail/layers";
import type { StateDict } from "@vitrail/tensor";
import type { CifarResNet, CifarResNetConfig } from "./cifar.ts";
import type { ResNet, ResNetConfig } from "./resnet.ts";

/** For `ModelSpec.adapt`: a checkpoint for images of other channels, as timm does it. */
export function adaptStem(dict: StateDict, { config, changes }: Adaptation<{ readonly inChans?: number }>): StateDict {
  if (!("inChans" in changes)) return dict;
  const { inChans = 3 } = config;
  return mapState(dict, (name, tensor) => (name === "conv1.weight" ? adaptInputConv(tensor, inChans) : undefined));
}

/** For `ModelSpec.layers`: timm's `group_matcher` of its ResNet, over so many blocks in each stage. */
export function stageLayers(
  blocks: readonly number[],
  numClasses: number,
  { coarse = false }: LayerOptions = {},
): LayerOrder {
  const before = (stage: number) => (coarse ? stage : blocks.slice(0, stage).reduce((sum, n) => sum + n, 0));
  const last = before(blocks.length) + (numClasses > 0 ? 1 : 0);
  return {
    numLayers: last + 1,
    layerOf(name) {
      if (/^(conv1|bn1)\./.test(name)) return 0;
      const [, stage, block] = /^layer(\d+)\.(\d+)\./.exec(name) ?? [];
      if (stage === undefined) return before(blocks.length) + 1;
      return before(Number(stage) - 1) + (coarse ? 0 : Number(block)) + 1;
    },
  };
}

/** The configuration of a ResNet cut after its first `count` stages, without a classifier: a feature extractor. */
export function resnetStages(config: ResNetConfig, count: number): ResNetConfig {
  if (!Number.isInteger(count) || count < 1 || count > config.layers.length) {
    throw new RangeError(`stages: expected 1 to ${config.layers.length}, found ${count}`);
  }
  return { ...config, layers: config.layers.slice(0, count), numClasses: 0 };
}

/**
 * A ResNet cut after its first `count` stages, as a model: a backbone that `hybridSpec` of `@vitrail/vit` takes, and that
 * `loadModel` loads from a checkpoint of the whole network (the later stages and the classifier are passed over).
 */
export function resnetBackbone(
  spec: ModelSpec<ResNetConfig, ResNet>,
  count: number,
): ModelSpec<ResNetConfig, ResNet> & { readonly reduction: number } {
  const { layers } = spec.config;
  const isLater = (name: string) => {
    const stage = /^layer(\d+)\./.exec(name)?.[1];
    return stage === undefined ? name.startsWith("fc.") : Number(stage) > count && Number(stage) <= layers.length;
  };
  return {
    ...spec,
    name: `${spec.name}_stages${count}`,
    config: resnetStages(spec.config, count),
    weights: {},
    reduction: 4 * 2 ** (count - 1),
    adapt: (dict, to) => adaptStem(new Map([...dict].filter(([name]) => !isLater(name))), to),
  };
}

/**
 * A network for CIFAR without its classifier, as a model: a backbone as {@link resnetBackbone} makes one of a ResNet, a quarter
 * as high and wide as the image.
 */
export function cifarBackbone(
  spec: ModelSpec<CifarResNetConfig, CifarResNet>,
): ModelSpec<CifarResNetConfig, CifarResNet> & { readonly reduction: number } {
  return {
    ...spec,
    name: `${spec.name}_backbone`,
    config: { ...spec.config, numClasses: 0 },
    weights: {},
    reduction: 4,
    adapt: (dict, to) => adaptStem(new Map([...dict].filter(([name]) => !name.startsWith("fc."))), to),
  };
}
