/** The models that the weights packages of this repository hold. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { modelsInPackage, type PackagedModel } from "@vitrail/hub";
import { root } from "./places.ts";
import { type DataSet, dataSetOf } from "./ship/data-sets.ts";

export interface Packaged extends PackagedModel {
  readonly set: DataSet;
  /** The share of right answers that its card states, of how many test images. */
  readonly stated: { readonly top1: number; readonly images: number };
  /** Of model.safetensors. */
  readonly sha256: string;
}

/** Every model of `packages/weights-*`. */
export function packagedModels(): Packaged[] {
  const packages = join(root, "packages");
  const folders = readdirSync(packages).filter((name) => name.startsWith("weights-"));
  return folders.flatMap((folder) => {
    const manifest = join(packages, folder, "package.json");
    if (!existsSync(manifest)) return []; // what another branch left behind
    const { name } = JSON.parse(readFileSync(manifest, "utf8")) as { name: string };
    // A package finds itself by its name.
    return modelsInPackage(name, pathToFileURL(manifest)).map((model) => {
      const weights = readFileSync(join(model.folder, "model.safetensors"));
      return {
        ...model,
        set: dataSetOf(name),
        stated: statedIn(join(model.folder, "MODEL_CARD.md")),
        sha256: createHash("sha256").update(weights).digest("hex"),
      };
    });
  });
}

/** The first row of a card's results. */
function statedIn(card: string): Packaged["stated"] {
  const found = /\| top-1 on the ([\d,]+) test images \| \*\*([\d.]+) %\*\*/.exec(readFileSync(card, "utf8"));
  if (!found) throw new Error(`${card}: expected a row "top-1 on the 10,000 test images" with its figure in bold`);
  return { top1: Number(found[2]) / 100, images: Number(found[1]?.replaceAll(",", "")) };
}
