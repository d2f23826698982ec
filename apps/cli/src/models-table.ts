import type { AnyModelSpec } from "@vitrail/classify";
import { resnetModels } from "@vitrail/resnet";
import { vitModels } from "@vitrail/vit";
import { didYouMean } from "./suggest.ts";
import { UserError } from "./user-error.ts";

/** Every model of the command, by name. */
export const models: Readonly<Record<string, AnyModelSpec>> = { ...resnetModels, ...vitModels };

/** The model of a name, as typed by a user or named in a config.json. */
export function modelNamed(name: string, where = "--model"): AnyModelSpec {
  // hub names carry a tag (vit_tiny_patch16_224.augreg_in21k_ft_in1k): the part before the dot is the architecture
  const plain = name.replace(/^timm\//, "").split(".")[0] as string;
  const spec = Object.hasOwn(models, plain) ? models[plain] : undefined;
  if (spec) return spec;
  throw new UserError(
    `${where}: no model is called ${JSON.stringify(name)}.${didYouMean(plain, Object.keys(models))} "vitrail models" lists them all`,
  );
}
