/** The model in the box, in a worker, so that the page stays live while a photo is decoded and looked at. */

import { createClassifier } from "@vitrail/classify";
import { resnet20_cifar } from "@vitrail/resnet";
import config from "@vitrail/weights-cifar10/config.json?url";
import model from "@vitrail/weights-cifar10/model.safetensors?url";
import { backendOptions, here, serve } from "./serve.ts";

serve(
  createClassifier({
    model: resnet20_cifar,
    weights: { config: here(config), model: here(model) },
    backendOptions: backendOptions(),
  }),
);
