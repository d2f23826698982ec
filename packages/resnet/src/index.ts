/**
 * ResNet for ImageNet (v1.5) and for CIFAR, with torchvision's and timm's parameter names.
 * @module
 */
export { resnetBackbone, resnetStages } from "./adapt.ts";
export { CifarResNet, type CifarResNetConfig } from "./cifar.ts";
export {
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
