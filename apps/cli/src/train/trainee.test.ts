import { withModelArgs } from "@vitrail/layers";
import { vit_tiny_patch16_224 } from "@vitrail/vit";
import { expect, test } from "vitest";
import { openTrainee } from "./trainee.ts";

test("a model from random weights in other sizes says them in its config.json, so that what it becomes can be opened", async () => {
  const recipe = { model: "vit_tiny_patch16_224", weights: "none", img_size: 64, model_kwargs: { patch_size: 8 } };
  const { spec, modelArgs } = await openTrainee(recipe, {}, () => {});
  expect(modelArgs).toEqual({ img_size: 64, patch_size: 8 });
  expect(withModelArgs(vit_tiny_patch16_224, modelArgs).config).toEqual(spec.config);
  const plain = await openTrainee({ ...recipe, img_size: 224, model_kwargs: {} }, {}, () => {});
  expect(plain.modelArgs).toEqual({});
});

test("a model of other than three channels is refused in a line: pictures have red, green and blue", async () => {
  const recipe = { model: "resnet20_cifar", weights: "none", model_kwargs: { in_chans: 1 } };
  await expect(openTrainee(recipe, {}, () => {})).rejects.toThrow(/^in_chans: pictures come with 3 .*found 1$/);
});
