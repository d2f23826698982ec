/**
 * ResNet for ImageNet (v1.5) and for CIFAR, with torchvision's and timm's parameter names.
 * @module
 */
export { cifarBackbone, resnetBackbone, resnetStages } from "./adapt.ts";
export { CifarResNet, type CifarResNetConfig } from "./cifar.ts";
export {
  plain20_cifar,
  plain32_cifar,
  plain44_cifar,
  plain56_cifar,
  resnet18,
  resnet20_cifar,
  resnet32_cifar,
  resnet34,
  resnet44_cifar,
  resnet50,
  resnet56_cifar,
  resnet101,
  resnet110_cifar,
  resnet152,
  resnetModels,
} from "./models.ts";
export { ResNet, type ResNetConfig } from "./resnet.ts";
