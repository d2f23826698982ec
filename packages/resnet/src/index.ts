/**
 * ResNet for ImageNet (v1.5) and for CIFAR, with torchvision's and timm's parameter names.
 * @module
 */
export { CifarResNet, type CifarResNetConfig } from "./cifar.ts";
export * from "./models.ts";
export { ResNet, type ResNetConfig, resnetStages } from "./resnet.ts";
