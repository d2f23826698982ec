import { expect, test } from "vitest";
import { models } from "./models-table.ts";
import { didYouMean, nearest } from "./suggest.ts";

const names = Object.keys(models);

test.each([
  ["vit_tiny_patch16_24", "vit_tiny_patch16_224"],
  ["vit-tiny-patch16-224", "vit_tiny_patch16_224"],
  ["ResNet50", "resnet50"],
  ["resnet5", "resnet50"],
  ["vit_tiny", "vit_tiny_patch16_224"],
  ["resnet20", "resnet20_cifar"],
])("%s is nearest to %s", (typed, meant) => {
  expect(nearest(typed, names)[0]).toBe(meant);
});

test("nothing is offered for a name that is like none", () => {
  expect(didYouMean("qqqq", names)).toBe("");
});
