/**
 * The ResNet-20s in the box, in a worker, so that the page stays live while a photo is decoded and looked at. Of all models it has
 * the code of this one: it is what a first visit loads.
 */

import { createClassifier } from "@vitrail/classify";
import { resnet20_cifar } from "@vitrail/resnet";
import { backendOptions, serve } from "./serve.ts";

serve(async (choice, hub) => {
  if (choice.kind !== "box") throw new Error("another worker opens what is not in the box");
  const { config, model } = choice.model;
  return createClassifier({ model: resnet20_cifar, weights: { config, model }, hub, backendOptions: backendOptions() });
});
