import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseConfig, type WeightsConfig } from "./config.ts";
import { HubError } from "./errors.ts";
import { fileError } from "./file-storage.ts";
import { isFile } from "./folder.ts";
import { nearestNames } from "./nearest.ts";

/** A model that a weights package holds. */
export interface PackagedModel {
  /** What `openWeights` opens it by: `@vitrail/weights-cifar10`, or `@scope/name/MODEL` for one in a folder of its own. */
  readonly id: string;
  /** The folder's name; of the model at the package's root, its architecture. */
  readonly name: string;
  /** Where `config.json` and the checkpoint are. */
  readonly folder: string;
  readonly config: WeightsConfig;
}

/**
 * The folder of a model in an installed weights package, for `openWeights`. The package is found as an import from the caller would
 * find it, else from here, else from the working directory.
 *
 * @param name the package, e.g. `@vitrail/weights-cifar10`, for the model at its root; or `@scope/name/MODEL`
 * @param from the caller's `import.meta.url`: with strict package managers only who depends on a package sees it
 * @throws HubError ("no-package", "no-model" with what is there, "bad-id")
 */
export function weightsPackage(name: string, from?: string | URL): string {
  const { pack, model } = parsed(name);
  const root = rootOf(pack, from);
  if (model === undefined && isFile(join(root, CONFIG))) return root;
  const folders = foldersOf(root);
  if (model === undefined) {
    if (folders.length === 0) return root; // a checkpoint without config.json, or nothing: opening it tells
    throw new HubError("no-model", `the weights package ${pack} holds ${folders.length} models in folders: ${ask()}`);
  }
  if (folders.includes(model)) return join(root, model);
  const here = modelsInPackage(pack, from);
  const found = here.find((one) => one.name === model);
  if (found) return found.folder;
  const near = nearestNames(
    model,
    here.map((one) => one.name),
  );
  throw new HubError(
    "no-model",
    `the weights package ${pack} holds no model ${JSON.stringify(model)}; ` +
      (near.length > 0 ? `did you mean ${near.join(" or ")}? ` : "") +
      (here.length > 0 ? `it holds ${here.map((one) => `${one.name} (${one.id})`).join(", ")}` : "it holds none"),
  );

  function ask(): string {
    return `name one, ${folders.map((folder) => `${pack}/${folder}`).join(" or ")}`;
  }
}

/**
 * What an installed weights package holds: the model at its root first, then those in folders of their own, by name.
 *
 * @param name the package, found as in {@link weightsPackage}
 * @throws HubError ("no-package", "bad-id", "bad-config")
 */
export function modelsInPackage(name: string, from?: string | URL): PackagedModel[] {
  const { pack } = parsed(name);
  const root = rootOf(pack, from);
  const models = foldersOf(root).map((folder) => ({
    id: `${pack}/${folder}`,
    name: folder,
    folder: join(root, folder),
    config: configIn(join(root, folder)),
  }));
  if (!isFile(join(root, CONFIG))) return models;
  const config = configIn(root);
  return [{ id: pack, name: config.architecture, folder: root, config }, ...models];
}

/** Whether a source is meant as a weights package: no name on the hub begins so. */
export function isPackageName(source: string): boolean {
  return source.startsWith("@");
}

const CONFIG = "config.json";
// npm's rule for names; `..` is none of them
const PACKAGE = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/i;

function parsed(name: string): { readonly pack: string; readonly model: string | undefined } {
  const parts = name.replace(/\/$/, "").split("/");
  const own = isPackageName(name) ? 2 : 1;
  const pack = parts.slice(0, own).join("/");
  const [model, ...deeper] = parts.slice(own);
  const plain = model === undefined || (/^\w[\w.-]*$/.test(model) && !model.includes(".."));
  if (PACKAGE.test(pack) && plain && deeper.length === 0) return { pack, model };
  const slashes = name.includes("\\") ? ", with / on every system" : "";
  throw new HubError(
    "bad-id",
    `${JSON.stringify(name)} cannot be a weights package; expected its name, or its name/MODEL for one of its models${slashes}`,
  );
}

function rootOf(pack: string, from: string | URL | undefined): string {
  const starts = [from, import.meta.url, pathToFileURL(`${process.cwd()}/`)].filter((start) => start !== undefined);
  for (const start of starts) {
    try {
      return dirname(createRequire(start).resolve(`${pack}/package.json`));
    } catch (error) {
      const { code, message } = error as { code?: unknown; message: string };
      // Not to be seen from there, or no place to look from.
      if (code === "MODULE_NOT_FOUND" || code === "ERR_INVALID_ARG_VALUE") continue;
      throw new HubError("no-package", `the package ${pack} is there and no weights package: ${message}`, error);
    }
  }
  const near = nearestNames(pack, new Set(starts.flatMap(visibleFrom))).map((one) => JSON.stringify(one));
  throw new HubError(
    "no-package",
    `the weights package ${pack} is not installed; ` +
      (near.length > 0 ? `did you mean ${near.join(" or ")}? Else add` : "add") +
      ` it with \`npm install ${pack}\``,
  );
}

/** The scoped packages with models that an import from there could find. */
function visibleFrom(start: string | URL): string[] {
  try {
    const places = createRequire(start).resolve.paths("@") ?? [];
    return places.flatMap((place) =>
      foldersIn(place)
        .filter((scope) => scope.startsWith("@"))
        .flatMap((scope) => foldersIn(join(place, scope)).map((name) => `${scope}/${name}`))
        .filter((name) =>
          ["", ...foldersIn(join(place, name))].some((inner) => isFile(join(place, name, inner, CONFIG))),
        ),
    );
  } catch {
    return []; // no place to look from
  }
}

function foldersIn(place: string): string[] {
  try {
    return readdirSync(place);
  } catch {
    return []; // most of the places that Node looks in are not there
  }
}

/** The folders of a package that hold a model, by name. */
function foldersOf(root: string): string[] {
  try {
    return readdirSync(root)
      .filter((name) => !name.startsWith(".") && name !== "node_modules" && isFile(join(root, name, CONFIG)))
      .sort();
  } catch (error) {
    throw fileError(error, root);
  }
}

function configIn(folder: string): WeightsConfig {
  const path = join(folder, CONFIG);
  try {
    return parseConfig(readFileSync(path), { name: path });
  } catch (error) {
    throw fileError(error, path);
  }
}
