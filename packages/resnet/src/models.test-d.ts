/** Compiled by `npm run typecheck`: a known checkpoint is a property that an editor completes, an unknown one is an error. */
import type { WeightsSpec } from "@vitrail/layers";
import { resnet18, resnet20_cifar, resnet50, resnetModels } from "./index.ts";

resnet50.weights.a1_in1k satisfies WeightsSpec;
resnetModels.resnet50.weights.tv2_in1k.hubId satisfies string;

type Tags = keyof typeof resnet18.weights;
"a1_in1k" satisfies Tags;

// @ts-expect-error: no such training of resnet50
resnet50.weights.augreg_in21k;
// @ts-expect-error: of resnet50, not of resnet18
resnet18.weights.ram_in1k;
// @ts-expect-error: nobody publishes one
resnet20_cifar.weights.a1_in1k;
// @ts-expect-error: no such model
resnetModels.resnet51;
