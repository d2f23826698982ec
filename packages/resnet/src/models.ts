/**
 * The ResNets of the paper (table 1, version 1.5) and its networks for CIFAR (section 4.2). Their checkpoints are in pretrained.ts.
 */
import type { LayerOptions, LayerOrder, ModelSpec, ParamStore, Preprocess, WeightsTable } from "@vitrail/layers";
import { adaptStem, stageLayers } from "./adapt.ts";
import { CifarResNet, type CifarResNetConfig } from "./cifar.ts";
import * as pretrained from "./pretrained.ts";
import { ResNet, type ResNetConfig } from "./resnet.ts";

// Named and not spread into the entries: a bundler keeps every object with a spread, and one model would bring them all.
const build = (params: ParamStore, config: ResNetConfig): ResNet => new ResNet(params, config);
const withClasses = (config: ResNetConfig, numClasses: number): ResNetConfig => ({ ...config, numClasses });
const layers = ({ layers: blocks, numClasses }: ResNetConfig, options?: LayerOptions): LayerOrder =>
  stageLayers(blocks, numClasses, options);

const imagenet = {
  inputSize: [3, 224, 224],
  cropMode: "center",
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
} as const;
/** torchvision's first recipe: shorter side to 256. */
const tv: Preprocess = { ...imagenet, interpolation: "bilinear", cropPct: 0.875 };

/** 11.69 M parameters, 1.82 GMACs. */
export const resnet18: ModelSpec<ResNetConfig, ResNet, typeof pretrained.resnet18> = {
  name: "resnet18",
  config: { block: "basic", layers: [2, 2, 2, 2], width: 64, numClasses: 1000 },
  build,
  head: "fc",
  preprocess: tv,
  weights: pretrained.resnet18,
  withClasses,
  adapt: adaptStem,
  layers,
};

/** 21.80 M parameters, 3.67 GMACs. */
export const resnet34: ModelSpec<ResNetConfig, ResNet, typeof pretrained.resnet34> = {
  name: "resnet34",
  config: { block: "basic", layers: [3, 4, 6, 3], width: 64, numClasses: 1000 },
  build,
  head: "fc",
  preprocess: tv,
  weights: pretrained.resnet34,
  withClasses,
  adapt: adaptStem,
  layers,
};

/** 25.56 M parameters, 4.11 GMACs. */
export const resnet50: ModelSpec<ResNetConfig, ResNet, typeof pretrained.resnet50> = {
  name: "resnet50",
  config: { block: "bottleneck", layers: [3, 4, 6, 3], width: 64, numClasses: 1000 },
  build,
  head: "fc",
  preprocess: tv,
  weights: pretrained.resnet50,
  withClasses,
  adapt: adaptStem,
  layers,
};

/** 44.55 M parameters, 7.83 GMACs. */
export const resnet101: ModelSpec<ResNetConfig, ResNet, typeof pretrained.resnet101> = {
  name: "resnet101",
  config: { block: "bottleneck", layers: [3, 4, 23, 3], width: 64, numClasses: 1000 },
  build,
  head: "fc",
  preprocess: tv,
  weights: pretrained.resnet101,
  withClasses,
  adapt: adaptStem,
  layers,
};

/** 60.19 M parameters, 11.56 GMACs. */
export const resnet152: ModelSpec<ResNetConfig, ResNet, typeof pretrained.resnet152> = {
  name: "resnet152",
  config: { block: "bottleneck", layers: [3, 8, 36, 3], width: 64, numClasses: 1000 },
  build,
  head: "fc",
  preprocess: tv,
  weights: pretrained.resnet152,
  withClasses,
  adapt: adaptStem,
  layers,
};

/** CIFAR-10's own mean and deviation, of the training images. */
const cifar: Preprocess = {
  inputSize: [3, 32, 32],
  interpolation: "bicubic",
  cropPct: 1,
  cropMode: "center",
  mean: [0.4914, 0.4822, 0.4465],
  std: [0.247, 0.2435, 0.2616],
};

type CifarSpec = ModelSpec<CifarResNetConfig, CifarResNet, WeightsTable<never>>;

/** A network for CIFAR. Each call below is marked as pure, so that a bundler drops those that nobody imports. */
function cifarSpec(name: string, config: Pick<CifarResNetConfig, "blocks" | "shortcuts">): CifarSpec {
  return {
    name,
    config: { ...config, width: 16, numClasses: 10 },
    build: (params, c) => new CifarResNet(params, c),
    head: "fc",
    preprocess: cifar,
    weights: {},
    withClasses: (c, numClasses) => ({ ...c, numClasses }),
    adapt: adaptStem,
    layers: ({ blocks: n, numClasses }, options) => stageLayers([n, n, n], numClasses, options),
  };
}

/** 20 layers for 32-pixel images. */
export const resnet20_cifar: CifarSpec = /* @__PURE__ */ cifarSpec("resnet20_cifar", { blocks: 3 });

/** 32 layers for 32-pixel images. */
export const resnet32_cifar: CifarSpec = /* @__PURE__ */ cifarSpec("resnet32_cifar", { blocks: 5 });

/** 44 layers for 32-pixel images. */
export const resnet44_cifar: CifarSpec = /* @__PURE__ */ cifarSpec("resnet44_cifar", { blocks: 7 });

/** 56 layers for 32-pixel images. */
export const resnet56_cifar: CifarSpec = /* @__PURE__ */ cifarSpec("resnet56_cifar", { blocks: 9 });

/** 110 layers for 32-pixel images. */
export const resnet110_cifar: CifarSpec = /* @__PURE__ */ cifarSpec("resnet110_cifar", { blocks: 18 });

/** The 20 layers of resnet20_cifar without its shortcuts: the paper's plain-20. */
export const plain20_cifar: CifarSpec = /* @__PURE__ */ cifarSpec("plain20_cifar", { blocks: 3, shortcuts: false });

/** The 32 layers of resnet32_cifar without its shortcuts: the paper's plain-32. */
export const plain32_cifar: CifarSpec = /* @__PURE__ */ cifarSpec("plain32_cifar", { blocks: 5, shortcuts: false });

/** The 44 layers of resnet44_cifar without its shortcuts: the paper's plain-44. */
export const plain44_cifar: CifarSpec = /* @__PURE__ */ cifarSpec("plain44_cifar", { blocks: 7, shortcuts: false });

/** The 56 layers of resnet56_cifar without its shortcuts: the paper's plain-56. */
export const plain56_cifar: CifarSpec = /* @__PURE__ */ cifarSpec("plain56_cifar", { blocks: 9, shortcuts: false });

/** Every network here, by its name. */
export const resnetModels = {
  resnet18,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
  resnet20_cifar,
  resnet32_cifar,
  resnet44_cifar,
  resnet56_cifar,
  resnet110_cifar,
  plain20_cifar,
  plain32_cifar,
  plain44_cifar,
  plain56_cifar,
} as const;
