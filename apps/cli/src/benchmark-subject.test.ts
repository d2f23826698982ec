import { expect, test } from "vitest";
import { subjectOf } from "./benchmark-subject.ts";

test("a benchmark takes random weights of a model, unless weights are named, which say what model they are of", () => {
  expect(subjectOf({})).toEqual({ model: "vit_tiny_patch16_224", weights: "none" });
  expect(subjectOf({ model: "resnet18" })).toEqual({ model: "resnet18", weights: "none" });
  expect(subjectOf({ weights: "@vitrail/weights-cifar10" })).toEqual({ weights: "@vitrail/weights-cifar10" });
  expect(subjectOf({ model: "@vitrail/weights-cifar10", offline: true })).toEqual({
    model: "@vitrail/weights-cifar10",
    offline: true,
  });
  expect(subjectOf({ model: "resnet18", weights: "a/b" })).toEqual({ model: "resnet18", weights: "a/b" });
});
