/**
 * The ResNets of the paper (table 1, version 1.5) and its networks for CIFAR (section 4.2). Top-1 is timm's measurement at
 * the stated preprocessing; a1 is "ResNet strikes back", https://arxiv.org/abs/2110.00476.
 */
import type { ModelSpec, ParamStore, Preprocess } from "@vitrail/layers";
import { CifarResNet, type CifarResNetConfig } from "./cifar.ts";
import { ResNet, type ResNetConfig } from "./resnet.ts";

const build = (params: ParamStore, config: ResNetConfig): ResNet => new ResNet(params, config);
const withClasses = (config: ResNetConfig, numClasses: number): ResNetConfig => ({ ...config, numClasses });

const imagenet = {
  inputSize: [3, 224, 224],
  cropMode: "center",
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
} as const;
/** torchvision's first recipe: shorter side to 256. */
const tv: Preprocess = { ...imagenet, interpolation: "bilinear", cropPct: 0.875 };
/** torchvision's second recipe: shorter side to 232. */
const tv2: Preprocess = { ...imagenet, interpolation: "bilinear", cropPct: 0.965 };
/** timm's a1, measured at 224 pixels. */
const a1: Preprocess = { ...imagenet, interpolation: "bicubic", cropPct: 0.95 };

const torchvision = {
  license: "bsd-3-clause",
  source: "torchvision, https://github.com/pytorch/vision",
  paper: "https://arxiv.org/abs/1512.03385",
  numClasses: 1000,
} as const;
const timm = {
  license: "apache-2.0",
  source: "timm, https://github.com/huggingface/pytorch-image-models",
  paper: "https://arxiv.org/abs/2110.00476",
  numClasses: 1000,
} as const;

/** 11.69 M parameters, 1.82 GMACs. */
export const resnet18: ModelSpec<ResNetConfig, ResNet> = {
  name: "resnet18",
  config: { block: "basic", layers: [2, 2, 2, 2], width: 64, numClasses: 1000 },
  build,
  head: "fc",
  preprocess: tv,
  weights: {
    a1_in1k: {
      ...timm,
      tag: "a1_in1k",
      hubId: "timm/resnet18.a1_in1k",
      top1: 71.5,
      params: 11_689_512,
      gmacs: 1.82,
      preprocess: a1,
    },
    tv_in1k: {
      ...torchvision,
      tag: "tv_in1k",
      hubId: "timm/resnet18.tv_in1k",
      top1: 69.75,
      params: 11_689_512,
      gmacs: 1.82,
      preprocess: tv,
    },
  },
  withClasses,
};

/** 21.80 M parameters, 3.67 GMACs. */
export const resnet34: ModelSpec<ResNetConfig, ResNet> = {
  name: "resnet34",
  config: { block: "basic", layers: [3, 4, 6, 3], width: 64, numClasses: 1000 },
  build,
  head: "fc",
  preprocess: tv,
  weights: {
    a1_in1k: {
      ...timm,
      tag: "a1_in1k",
      hubId: "timm/resnet34.a1_in1k",
      top1: 76.42,
      params: 21_797_672,
      gmacs: 3.67,
      preprocess: a1,
    },
    tv_in1k: {
      ...torchvision,
      tag: "tv_in1k",
      hubId: "timm/resnet34.tv_in1k",
      top1: 73.3,
      params: 21_797_672,
      gmacs: 3.67,
      preprocess: tv,
    },
  },
  withClasses,
};

/** 25.56 M parameters, 4.11 GMACs. */
export const resnet50: ModelSpec<ResNetConfig, ResNet> = {
  name: "resnet50",
  config: { block: "bottleneck", layers: [3, 4, 6, 3], width: 64, numClasses: 1000 },
  build,
  head: "fc",
  preprocess: tv,
  weights: {
    a1_in1k: {
      ...timm,
      tag: "a1_in1k",
      hubId: "timm/resnet50.a1_in1k",
      top1: 80.38,
      params: 25_557_032,
      gmacs: 4.11,
      preprocess: a1,
    },
    tv2_in1k: {
      ...torchvision,
      tag: "tv2_in1k",
      hubId: "timm/resnet50.tv2_in1k",
      top1: 80.85,
      params: 25_557_032,
      gmacs: 4.11,
      preprocess: tv2,
    },
    tv_in1k: {
      ...torchvision,
      tag: "tv_in1k",
      hubId: "timm/resnet50.tv_in1k",
      top1: 76.16,
      params: 25_557_032,
      gmacs: 4.11,
      preprocess: tv,
    },
  },
  withClasses,
};

/** 44.55 M parameters, 7.83 GMACs. */
export const resnet101: ModelSpec<ResNetConfig, ResNet> = {
  name: "resnet101",
  config: { block: "bottleneck", layers: [3, 4, 23, 3], width: 64, numClasses: 1000 },
  build,
  head: "fc",
  preprocess: tv,
  weights: {
    a1h_in1k: {
      ...timm,
      tag: "a1h_in1k",
      hubId: "timm/resnet101.a1h_in1k",
      top1: 81.95,
      params: 44_549_160,
      gmacs: 7.83,
      preprocess: a1,
    },
    tv2_in1k: {
      ...torchvision,
      tag: "tv2_in1k",
      hubId: "timm/resnet101.tv2_in1k",
      top1: 81.91,
      params: 44_549_160,
      gmacs: 7.83,
      preprocess: tv2,
    },
    tv_in1k: {
      ...torchvision,
      tag: "tv_in1k",
      hubId: "timm/resnet101.tv_in1k",
      top1: 77.4,
      params: 44_549_160,
      gmacs: 7.83,
      preprocess: tv,
    },
  },
  withClasses,
};

/** 60.19 M parameters, 11.56 GMACs. */
export const resnet152: ModelSpec<ResNetConfig, ResNet> = {
  name: "resnet152",
  config: { block: "bottleneck", layers: [3, 8, 36, 3], width: 64, numClasses: 1000 },
  build,
  head: "fc",
  preprocess: tv,
  weights: {
    a1h_in1k: {
      ...timm,
      tag: "a1h_in1k",
      hubId: "timm/resnet152.a1h_in1k",
      top1: 82.82,
      params: 60_192_808,
      gmacs: 11.56,
      preprocess: a1,
    },
    tv2_in1k: {
      ...torchvision,
      tag: "tv2_in1k",
      hubId: "timm/resnet152.tv2_in1k",
      top1: 82.29,
      params: 60_192_808,
      gmacs: 11.56,
      preprocess: tv2,
    },
    tv_in1k: {
      ...torchvision,
      tag: "tv_in1k",
      hubId: "timm/resnet152.tv_in1k",
      top1: 78.33,
      params: 60_192_808,
      gmacs: 11.56,
      preprocess: tv,
    },
  },
  withClasses,
};

const buildCifar = (params: ParamStore, config: CifarResNetConfig): CifarResNet => new CifarResNet(params, config);
const withCifarClasses = (config: CifarResNetConfig, numClasses: number): CifarResNetConfig => ({
  ...config,
  numClasses,
});

/** CIFAR-10's own mean and deviation, of the training images. */
const cifar: Preprocess = {
  inputSize: [3, 32, 32],
  interpolation: "bicubic",
  cropPct: 1,
  cropMode: "center",
  mean: [0.4914, 0.4822, 0.4465],
  std: [0.247, 0.2435, 0.2616],
};

/** 20 layers for 32-pixel images. */
export const resnet20_cifar: ModelSpec<CifarResNetConfig, CifarResNet> = {
  name: "resnet20_cifar",
  config: { blocks: 3, width: 16, numClasses: 10 },
  build: buildCifar,
  head: "fc",
  preprocess: cifar,
  weights: {},
  withClasses: withCifarClasses,
};

/** 32 layers for 32-pixel images. */
export const resnet32_cifar: ModelSpec<CifarResNetConfig, CifarResNet> = {
  name: "resnet32_cifar",
  config: { blocks: 5, width: 16, numClasses: 10 },
  build: buildCifar,
  head: "fc",
  preprocess: cifar,
  weights: {},
  withClasses: withCifarClasses,
};

/** 44 layers for 32-pixel images. */
export const resnet44_cifar: ModelSpec<CifarResNetConfig, CifarResNet> = {
  name: "resnet44_cifar",
  config: { blocks: 7, width: 16, numClasses: 10 },
  build: buildCifar,
  head: "fc",
  preprocess: cifar,
  weights: {},
  withClasses: withCifarClasses,
};

/** 56 layers for 32-pixel images. */
export const resnet56_cifar: ModelSpec<CifarResNetConfig, CifarResNet> = {
  name: "resnet56_cifar",
  config: { blocks: 9, width: 16, numClasses: 10 },
  build: buildCifar,
  head: "fc",
  preprocess: cifar,
  weights: {},
  withClasses: withCifarClasses,
};

/** 110 layers for 32-pixel images. */
export const resnet110_cifar: ModelSpec<CifarResNetConfig, CifarResNet> = {
  name: "resnet110_cifar",
  config: { blocks: 18, width: 16, numClasses: 10 },
  build: buildCifar,
  head: "fc",
  preprocess: cifar,
  weights: {},
  withClasses: withCifarClasses,
};

/** Every ResNet here, by its name. */
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
} as const;
