import type { AnyModelSpec } from "@vitrail/classify";
import type { PublishedWeights } from "@vitrail/hub";
import type { WeightsSpec } from "@vitrail/layers";
import { cifarBackbone, resnet20_cifar, resnetModels } from "@vitrail/resnet";
import { vit_mini_r20_s4_32, vitModels } from "@vitrail/vit";
import { boxModels, checkpointName } from "./box.ts";
import { didYouMean } from "./suggest.ts";
import { UserError } from "./user-error.ts";

/** Every model of the command, by name. */
export const models: Readonly<Record<string, AnyModelSpec>> = {
  ...resnetModels,
  ...vitModels,
  vit_mini_r20_s4_32: vit_mini_r20_s4_32(cifarBackbone(resnet20_cifar)),
};

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

/** Every published checkpoint: `resnet50.a1_in1k`, … */
export function checkpointNames(): string[] {
  return Object.values(models).flatMap(({ name, weights }) => Object.keys(weights).map((tag) => `${name}.${tag}`));
}

/** A name that is looked for on the hub as it stands: `org/repo`, `org/repo@revision`. */
export function isRepo(name: string): boolean {
  return /^hf(-hub|_hub)?:|\//.test(name);
}

/**
 * The published checkpoint that a name means: `resnet50.a1_in1k`, or `resnet50` for timm's default of that model.
 *
 * @throws UserError with the nearest names
 */
export function publishedNamed(name: string, where = "--model"): WeightsSpec & PublishedWeights {
  const spec = modelNamed(name, where);
  const tag = name.includes(".") ? name.slice(name.indexOf(".") + 1) : undefined;
  const found = tag === undefined ? Object.values(spec.weights)[0] : spec.weights[tag];
  if (found) return found;
  if (tag === undefined) {
    throw new UserError(`${where} ${name}: nobody has published weights of it; give yours with --weights`);
  }
  const known = [...boxModels().map(checkpointName), ...checkpointNames()];
  const own = known.filter((one) => one.startsWith(`${spec.name}.`));
  throw new UserError(
    `${where}: ${spec.name} has no published checkpoint ${JSON.stringify(tag)}.${didYouMean(name, own.length > 0 ? own : known)} ` +
      `"vitrail models" lists them; timm/${name} asks the hub all the same`,
  );
}
