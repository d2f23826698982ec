import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isFloat, type TensorSource } from "@vitrail/checkpoint";
import { openWeights, type Weights } from "@vitrail/hub";
import { fetching, megabytes } from "../fetching.ts";
import { print, say } from "../io.ts";
import { checkpointNames } from "../models-table.ts";
import { plain, UserError } from "../user-error.ts";
import { refuseExisting, writeTensors, writeWhole } from "../whole-file.ts";

/** The options of `vitrail average`. */
export interface AverageCommand {
  readonly out: string;
  readonly force?: boolean;
  readonly offline?: boolean;
  readonly json?: boolean;
}

/** What `vitrail average --json` prints. */
export interface AverageRow {
  readonly of: readonly string[];
  readonly file: string;
  readonly bytes: number;
  readonly tensors: number;
}

/**
 * `vitrail average`: the mean of checkpoints of one network, as timm's avg_checkpoints.py: rounds of one training (Izmailov et al. 2018,
 * https://arxiv.org/abs/1803.05407) or trainings from one beginning (Wortsman et al. 2022, https://arxiv.org/abs/2203.05482).
 */
export async function average(sources: readonly string[], options: AverageCommand): Promise<number> {
  const { out, force, json } = options;
  if (sources.length < 2) throw new UserError("average: expected two checkpoints or more, found one");
  const file = join(out, "model.safetensors");
  if (existsSync(out) && !statSync(out).isDirectory()) {
    throw new UserError(`--out ${out}: expected a folder to write to, found a file`);
  }
  refuseExisting(file, force);
  const fetched = fetching(options, checkpointNames());
  const opened: Weights[] = [];
  try {
    for (const source of sources) opened.push(await openWeights(source, fetched));
    for (const { notes } of opened) for (const note of notes) say(plain(note));
    const tensors = means(opened);
    const config = configOf(opened[0] as Weights);
    mkdirSync(out, { recursive: true });
    const metadata = { format: "pt", average_of: sources.map((source) => basename(source)).join(", ") };
    await writeTensors(file, tensors, { metadata });
    if (config) await writeWhole(join(out, "config.json"), (handle) => handle.writeFile(config));
    if (tensors.some(([name]) => name.endsWith(".running_var"))) {
      say(
        "batch normalisation's statistics are means, too: train an epoch at a small rate to have those of the new weights",
      );
    }
    const row: AverageRow = { of: sources, file, bytes: statSync(file).size, tensors: tensors.length };
    if (json) print(JSON.stringify(row, null, 2));
    else print(`${plain(file)}: the mean of ${sources.length} checkpoints, ${megabytes(row.bytes)} MB`);
  } finally {
    fetched.done();
    for (const weights of opened) weights.close();
  }
  return 0;
}

/** One tensor at a time, summed in double precision; whole numbers (batches that were counted) are the first one's. */
function means(all: readonly Weights[]): [string, TensorSource][] {
  const [first, ...others] = all as [Weights, ...Weights[]];
  for (const other of others) {
    const missing = [...first.tensors.keys()].find((name) => !other.tensors.has(name));
    const unknown = [...other.tensors.keys()].find((name) => !first.tensors.has(name));
    if (missing !== undefined) throw unlike(first, other, `only the first has ${missing}`);
    if (unknown !== undefined) throw unlike(first, other, `only the second has ${unknown}`);
  }
  return [...first.tensors].map(([name, tensor]) => {
    const { shape, dtype } = tensor;
    for (const other of others) {
      const found = other.tensors.get(name)?.shape ?? [];
      if (found.join() === shape.join()) continue;
      throw unlike(first, other, `${name} is [${shape.join(", ")}] in the first, [${found.join(", ")}] in the second`);
    }
    if (!isFloat(dtype)) return [name, tensor];
    const float32 = () => {
      const sum = new Float64Array(shape.reduce((n, d) => n * d, 1));
      for (const { tensors } of all) {
        const values = tensors.get(name)?.float32() as Float32Array;
        for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (values[i] as number);
      }
      return new Float32Array(sum.map((v) => v / all.length));
    };
    return [name, { shape, float32 }];
  });
}

const unlike = (a: Weights, b: Weights, why: string): UserError =>
  new UserError(`${plain(a.id)} and ${plain(b.id)} are not of one network: ${why}`);

/** The first checkpoint's config.json, as it is; undefined for a bare file. */
function configOf({ config, files }: Weights): Buffer | undefined {
  const path = join(dirname(files[0] ?? ""), "config.json");
  return config && existsSync(path) ? readFileSync(path) : undefined;
}
