/** Where weights are to go. */
import { readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { packageAround } from "../places.ts";
import { type DataSet, dataSetOf } from "./data-sets.ts";

export interface Target {
  readonly folder: string;
  /** As `openWeights` takes it: the package's name, with the folder's behind where the model is in one. */
  readonly id: string;
  readonly set: DataSet;
}

/**
 * A package, or a folder directly in one.
 * @throws where its package.json does not let others read what will be there
 */
export function targetOf(into: string): Target {
  const folder = resolve(into);
  const around = packageAround(folder);
  if (around === undefined) throw new Error(`${into}: expected the folder of a weights package, found no package.json`);
  const manifest = JSON.parse(readFileSync(join(around, "package.json"), "utf8"));
  const {
    name,
    exports = {},
    files = [],
  } = manifest as {
    name: string;
    exports?: Readonly<Record<string, string>>;
    files?: readonly string[];
  };
  const set = dataSetOf(name);
  const inner = relative(around, folder).replaceAll("\\", "/");
  if (inner.includes("/")) throw new Error(`${into}: expected a package or a folder directly in one, found ${inner}`);
  const path = (file: string) => (inner === "" ? file : `${inner}/${file}`);
  const read = ["config.json", "model.safetensors"].map(path);
  const missing = read.filter((file) => exports[`./${file}`] !== `./${file}`);
  const packed = (file: string) => files.includes(file) || (inner !== "" && files.includes(inner));
  const left = [...read, path("MODEL_CARD.md")].filter((file) => !packed(file));
  if (missing.length > 0 || left.length > 0) {
    throw new Error(
      `${join(around, "package.json")}: expected "exports" with ${read.map((file) => `"./${file}"`).join(" and ")}, and "files" with ` +
        `${inner === "" ? "them and MODEL_CARD.md" : `"${inner}"`}; missing: ${[...missing, ...left].join(", ")}`,
    );
  }
  return { folder, id: inner === "" ? name : `${name}/${inner}`, set };
}
