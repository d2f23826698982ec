/** Holds the cards of packaged models against what `vitrail eval` finds, engine by engine, and int8 against fp32. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Packaged, packagedModels } from "../packaged.ts";
import { app } from "../places.ts";
import { writeCalibration } from "./calibration.ts";
import { type Found, judge, type Way } from "./judge.ts";
import { withTfjsNode } from "./tfjs-node.ts";

/** Engines may round a picture that lies on the edge to either side: two in 10,000. */
const MOST_APART = 2 / 10_000;
/** What eight bits may cost. */
const MOST_INT8_LOSS = 0.005;
/** tfjs's native backend is slow to start and slow on a processor alone. */
const FEW = 500;

/** One engine's answers. */
interface Row extends Found {
  readonly way: string;
  readonly precision: "fp32" | "int8";
  /** What it is held against, as right answers of as many pictures, and by whom: the card, or `ort` on the same pictures. */
  readonly against: { readonly right: number; readonly of: string };
  readonly holds: boolean;
}

/** What was found of one model: an entry of results/check.json. */
export interface Checked {
  readonly model: string;
  /** Of the weights that were checked. */
  readonly sha256: string;
  readonly data: string;
  readonly stated: Packaged["stated"];
  readonly rows: readonly Row[];
  /** Ways that were not to be had, and why. */
  readonly skipped: Readonly<Record<string, string>>;
  readonly node: string;
  readonly platform: string;
}

/** Where what was found of all packaged models is kept. */
export const CHECKED: string = join(app, "results/check.json");

/**
 * `npm run trainer -- check [MODEL…] [--limit N] [--out FILE]`: models by their package's name or their folder, all unless given; their
 * entries of results/check.json are written anew. With a limit the card is no measure: engines are held against the first, on as many
 * pictures, and nothing is written unless `--out` says where.
 */
export async function check(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { limit: { type: "string" }, out: { type: "string" } },
  });
  const limit = values.limit === undefined ? undefined : Number(values.limit);
  if (limit !== undefined && !(Number.isInteger(limit) && limit > 0)) {
    throw new Error(`--limit ${values.limit}: expected a whole number above 0`);
  }
  const wanted = (model: Packaged) =>
    positionals.length === 0 || positionals.some((one) => one === model.id || resolve(one) === model.folder);
  const models = packagedModels().filter(wanted);
  if (models.length === 0) throw new Error(`no packaged model is called ${positionals.join(", ")}`);
  const checked: Checked[] = [];
  for (const model of models) {
    checked.push(await checkOne(model, limit));
    const out = values.out ?? (limit === undefined ? CHECKED : undefined);
    if (out) writeFileSync(out, `${JSON.stringify(merged(out, checked), null, 2)}\n`);
  }
  const failed = checked.flatMap(({ rows }) => rows).filter(({ holds }) => !holds).length;
  console.log(failed === 0 ? "every card holds" : `${failed} figures do not hold`);
  return failed === 0 ? 0 : 1;
}

/** With what is known of other packaged models. */
function merged(file: string, found: readonly Checked[]): Checked[] {
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Checked[]) : [];
  return packagedModels().flatMap(({ id }) => [...found, ...before].find(({ model }) => model === id) ?? []);
}

async function checkOne({ id, folder, set, stated, sha256 }: Packaged, limit: number | undefined): Promise<Checked> {
  if (!existsSync(set.folder))
    throw new Error(`${set.folder} is not there: ${id} is judged on the test pictures of ${set.title}`);
  const work = mkdtempSync(join(tmpdir(), "vitrail-check-"));
  const rows: Row[] = [];
  const skipped: Record<string, string> = {};
  const add = async (way: Way, against: Row["against"] | undefined, precision: Row["precision"] = "fp32") => {
    const found = await judge(folder, set.folder, way);
    const measure = against ?? { right: found.right, of: "itself" };
    const [few, most] = precision === "int8" ? [-1, MOST_INT8_LOSS] : [-MOST_APART, MOST_APART];
    const lost = (measure.right - found.right) / found.images;
    // Shares of small numbers are no exact ones.
    const holds = lost >= few - 1e-9 && lost <= most + 1e-9;
    rows.push({ way: way.name, precision, ...found, against: measure, holds });
    console.log(
      `${id}  ${way.name}  ${found.right} of ${found.images} right, ${measure.right} by ${measure.of}${holds ? "" : "  DOES NOT HOLD"}`,
    );
    return found;
  };
  try {
    const card = limit === undefined ? { right: Math.round(stated.top1 * stated.images), of: "the card" } : undefined;
    const ort = await add({ name: "ort", options: ["--engine", "ort"], limit }, card);
    const others = card ?? { right: ort.right, of: "ort" };
    await add({ name: "ort-web", options: ["--engine", "ort-web"], limit }, others);
    await add({ name: "tfjs (wasm)", options: ["--backend", "wasm"], limit }, others);
    const native = withTfjsNode();
    if ("options" in native) {
      const few = Math.min(limit ?? FEW, FEW);
      const same =
        limit === few
          ? ort
          : await judge(folder, set.folder, { name: "ort", options: ["--engine", "ort"], limit: few });
      const way = { name: "tfjs (tfjs-node)", options: ["--backend", "tfjs-node"], node: native.options, limit: few };
      await add(way, { right: same.right, of: "ort" });
    } else skipped["tfjs (tfjs-node)"] = native.reason;
    const pictures = join(work, "calibration");
    await writeCalibration(set.folder, pictures);
    const int8 = ["--engine", "ort", "--precision", "int8", "--calibrate", pictures];
    await add({ name: "ort, int8", options: int8, limit }, { right: ort.right, of: "ort in fp32" }, "int8");
  } finally {
    rmSync(work, { recursive: true });
  }
  return {
    model: id,
    sha256,
    data: set.name,
    stated,
    rows,
    skipped,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
  };
}
