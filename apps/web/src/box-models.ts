/** The models in the box: what the list says of them, and where the bundler puts their files. */
import cifar10Config from "@vitrail/weights-cifar10/config.json?url";
import cifar10Model from "@vitrail/weights-cifar10/model.safetensors?url";
import fashionConfig from "@vitrail/weights-fashion-mnist/config.json?url";
import fashionModel from "@vitrail/weights-fashion-mnist/model.safetensors?url";

export interface BoxModel {
  /** The weights package that it is from, as `--weights` of the command takes it. */
  readonly id: string;
  /** What it tells apart, and by what: a row of the list. */
  readonly title: string;
  /** The network as a sentence calls it. */
  readonly network: string;
  readonly architecture: string;
  readonly config: string;
  readonly model: string;
  /** What a user must know of the pictures that it was taught. */
  readonly hint?: string;
}

/** The first is what a first visit loads. */
export const boxModels: readonly [BoxModel, ...BoxModel[]] = [
  {
    id: "@vitrail/weights-cifar10",
    title: "Animals and vehicles: wide ResNet-20",
    network: "a wide ResNet-20",
    architecture: "resnet20_cifar",
    config: cifar10Config,
    model: cifar10Model,
  },
  {
    id: "@vitrail/weights-fashion-mnist",
    title: "Clothes: ResNet-20",
    network: "a ResNet-20 of clothes",
    architecture: "resnet20_cifar",
    config: fashionConfig,
    model: fashionModel,
    hint: "It was taught grey pictures of 28 pixels, each one piece of clothing, light on black. A photo of yours is far from that, and its answer a guess.",
  },
];
