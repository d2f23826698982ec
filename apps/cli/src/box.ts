import { createRequire } from "node:module";
import { dirname } from "node:path";

/** What the model in the box is. */
export const BOX_MODEL = "resnet20_cifar";

/** The folder of the model in the box: weights that are installed together with this command. */
export function boxFolder(): string {
  return dirname(createRequire(import.meta.url).resolve("@vitrail/weights-cifar10/config.json"));
}
