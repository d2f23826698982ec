import { existsSync } from "node:fs";
import { modelsInPackage, openWeights, parseHubId, type Weights, weightsPackage } from "@vitrail/hub";
import { fetching } from "../fetching.ts";
import { colorsFor, print, table } from "../io.ts";
import { plain } from "../user-error.ts";

/** What `vitrail info --json` prints. */
export interface WeightsInfo {
  readonly weights: string;
  readonly format: string;
  /** Whose names the file has, e.g. "timm" or "transformers-vit"; the tensors are listed under timm's. Null: not known. */
  readonly naming: string | null;
  readonly looksLike: string | null;
  /** The part of a torch file that was taken, e.g. "state_dict"; null for all of it. */
  readonly part: string | null;
  /** What was decided or left out. */
  readonly notes: readonly string[];
  /** Entries that make no tensor: names to reasons. */
  readonly refused: Readonly<Record<string, string>>;
  /** What a torch file's pickle names; none of it is imported or called. */
  readonly globals: readonly string[];
  /** The files that were opened. */
  readonly files: readonly string[];
  /** What the checkpoint says about itself. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Values in all tensors, learned ones and buffers. */
  readonly values: number;
  /** Tensors of each dtype. */
  readonly dtypes: Readonly<Record<string, number>>;
  /** What a config.json beside it says; null without one. */
  readonly config: Readonly<Record<string, unknown>> | null;
  readonly tensors: readonly { readonly name: string; readonly dtype: string; readonly shape: readonly number[] }[];
}

/** `vitrail info`. */
export async function info(
  source: string,
  { json, offline, part }: { json?: boolean; offline?: boolean; part?: string },
): Promise<number> {
  // the table of models is not needed for a file
  const names = !existsSync(source) && parseHubId(source) ? (await import("../models-table.ts")).checkpointNames() : [];
  const fetched = fetching({ offline }, names);
  const weights = await openWeights(source, { ...fetched, ...(part === undefined ? {} : { part }) }).finally(
    fetched.done,
  );
  try {
    const found = infoOf(weights);
    if (json) print(JSON.stringify(found, null, 2));
    else show(found, weights, othersIn(source, fetched.from));
  } finally {
    weights.close();
  }
  return 0;
}

/** The other models of a weights package. */
function othersIn(source: string, from: string | URL | undefined): readonly string[] {
  if (!source.startsWith("@") || existsSync(source)) return [];
  const [scope, name] = source.split("/");
  const models = modelsInPackage(`${scope}/${name}`, from);
  const folder = weightsPackage(source, from);
  return models.filter((one) => one.folder !== folder).map(({ id }) => id);
}

function infoOf(weights: Weights): WeightsInfo {
  const tensors = [...weights.tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
  const dtypes: Record<string, number> = {};
  let values = 0;
  for (const { dtype, shape } of tensors) {
    dtypes[dtype] = (dtypes[dtype] ?? 0) + 1;
    values += shape.reduce((product, side) => product * side, 1);
  }
  return {
    weights: weights.id,
    format: weights.format,
    naming: weights.naming ?? null,
    looksLike: weights.looksLike ?? null,
    part: weights.part ?? null,
    notes: weights.notes,
    refused: Object.fromEntries(weights.refused),
    globals: weights.globals,
    files: weights.files,
    metadata: weights.metadata ?? {},
    values,
    dtypes,
    config: weights.config?.raw ?? null,
    tensors,
  };
}

function show(found: WeightsInfo, { config }: Weights, others: readonly string[]): void {
  const { bold, dim } = colorsFor(process.stdout);
  const dtypes = Object.entries(found.dtypes).map(([dtype, n]) => `${n} ${dtype}`);
  const facts = [
    ["format", `${found.format}, ${found.files.length} ${found.files.length === 1 ? "file" : "files"}`],
    ...(found.part === null ? [] : [["part", plain(found.part)]]),
    ["names", found.naming === null ? "of no library that is known" : found.naming],
    ...(found.looksLike === null ? [] : [["looks like", plain(found.looksLike)]]),
    ["tensors", `${found.tensors.length} (${dtypes.join(", ") || "none"})`],
    ["values", found.values.toLocaleString("en-US")],
    ...Object.entries(found.metadata).map(([key, value]) => [`metadata ${plain(key)}`, cut(plain(value))]),
  ];
  if (config) {
    facts.push(["model", plain(config.architecture)], ["classes", String(config.numClasses)]);
    if (config.labels) facts.push(["labels", cut(plain(config.labels.join(", ")))]);
    const p = config.preprocess;
    if (p) {
      facts.push([
        "input",
        `${p.inputSize[1]} × ${p.inputSize[2]}, ${p.interpolation}, ${p.cropMode} crop ${p.cropPct}, mean ${p.mean.join(" ")}, std ${p.std.join(" ")}`,
      ]);
    }
    if (config.license) facts.push(["licence", plain(config.license)]);
  }
  facts.push(...others.map((id) => ["in the same package", plain(id)]));
  facts.push(...found.notes.map((note) => ["note", cut(plain(note))]));
  facts.push(...Object.entries(found.refused).map(([name, why]) => ["no tensor", cut(plain(`${name}: ${why}`))]));
  facts.push(...found.globals.map((global) => ["names, never called", cut(plain(global))]));
  print(bold(plain(found.weights)));
  for (const line of table(facts)) print(`  ${line}`);
  print("");
  const rows = found.tensors.map(({ name, dtype, shape }) => [plain(name), dtype, `[${shape.join(", ")}]`]);
  for (const [i, line] of table([["tensor", "dtype", "shape"], ...rows]).entries()) print(i === 0 ? dim(line) : line);
}

function cut(text: string): string {
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
