/** Compiled by `npm run typecheck`: a known checkpoint is a property that an editor completes, an unknown one is an error. */
import type { WeightsSpec } from "@vitrail/layers";
import { deit_tiny_patch16_224, vit_base_patch16_224, vit_tiny_patch32_224, vitModels } from "./index.ts";

vit_base_patch16_224.weights.augreg2_in21k_ft_in1k satisfies WeightsSpec;
deit_tiny_patch16_224.weights.fb_in1k.top1 satisfies number | null;
vitModels.vit_large_patch16_384.weights.augreg_in21k_ft_in1k.hubId satisfies string;

// @ts-expect-error: no such training
vit_base_patch16_224.weights.augreg3_in21k_ft_in1k;
// @ts-expect-error: of the Vision Transformer, not of DeiT
deit_tiny_patch16_224.weights.augreg_in21k_ft_in1k;
// @ts-expect-error: nobody publishes one
vit_tiny_patch32_224.weights.augreg_in21k_ft_in1k;
