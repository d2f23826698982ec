import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { safetensorsChunks } from "@vitrail/checkpoint";
import { openWeights, type Weights } from "@vitrail/hub";
import { type ImageModel, isCheckpointMismatch, loadModel, type ModelSpec } from "@vitrail/layers";
import { useBackend } from "@vitrail/tensor";
import { fetching, megabytes } from "../fetching.ts";
import { reasonOf } from "../files.ts";
import { print, say } from "../io.ts";
import { checkpointNames, modelNamed } from "../models-table.ts";
import { plain, UserError } from "../user-error.ts";

/** The options of `vitrail convert`. */
export interface ConvertCommand {
  readonly model: string;
  readonly out: string;
  readonly part?: string;
  readonly dtype?: "F32" | "F16" | "BF16";
  readonly force?: boolean;
  readonly offline?: boolean;
  readonly json?: boolean;
}

/** What `vitrail convert --json` prints. */
export interface ConvertRow {
  readonly model: string;
  readonly file: string;
  readonly bytes: number;
  readonly tensors: number;
  /** What the weights were. */
  readonly format: string;
  readonly naming: string | null;
  readonly part: string | null;
  /** What was decided or left out. */
  readonly notes: readonly string[];
}

/** `vitrail convert`: the checkpoint of a model as safetensors under timm's names. Whatever goes wrong, `--out` is whole or as it was. */
export async function convert(source: string, options: ConvertCommand): Promise<number> {
  const { out, part, dtype, json } = options;
  const spec = modelNamed(options.model) as ModelSpec<unknown, ImageModel>;
  if (!options.force && existsSync(out)) {
    throw new UserError(`--out ${out}: there is such a file; give --force to write over it`);
  }
  const fetched = fetching(options, checkpointNames());
  const weights = await openWeights(source, { ...fetched, ...(part === undefined ? {} : { part }) }).finally(
    fetched.done,
  );
  try {
    for (const note of weights.notes) say(plain(note));
    await useBackend("cpu"); // nothing is computed: it only holds values
    checkFit(spec, weights);
    await write(out, weights, dtype);
    const row: ConvertRow = {
      model: spec.name,
      file: out,
      bytes: (await stat(out)).size,
      tensors: weights.tensors.size,
      format: weights.format,
      naming: weights.naming ?? null,
      part: weights.part ?? null,
      notes: weights.notes,
    };
    if (json) print(JSON.stringify(row, null, 2));
    else print(`${plain(out)}: ${row.tensors} tensors of ${spec.name}, ${megabytes(row.bytes)} MB`);
  } finally {
    weights.close();
  }
  return 0;
}

/** Every name and shape is the model's, with as many classes as the checkpoint tells apart. */
function checkFit(spec: ModelSpec<unknown, ImageModel>, { tensors, looksLike }: Weights): void {
  const classes = tensors.get(`${spec.head}.weight`)?.shape[0] ?? 0;
  try {
    loadModel({ ...spec, config: spec.withClasses(spec.config, classes) }, tensors).dispose();
  } catch (error) {
    if (isCheckpointMismatch(error) && looksLike !== undefined) {
      const [, ...rest] = error.message.split("\n");
      error.message = [`the checkpoint looks like ${looksLike}, it does not fit ${spec.name}`, ...rest].join("\n");
    }
    throw error;
  }
}

/** Beside the file, then in its place. */
async function write(out: string, { tensors, metadata }: Weights, dtype: ConvertCommand["dtype"]): Promise<void> {
  const temporary = `${out}.${randomUUID().slice(0, 8)}.tmp`;
  try {
    const file = await open(temporary, "wx");
    try {
      for (const chunk of safetensorsChunks(tensors, { metadata: { format: "pt", ...metadata }, dtype })) {
        await file.writeFile(chunk);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, out);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error; // the weights' own trouble
    const why =
      code === "ENOSPC"
        ? "the disk is full"
        : code === "ENOENT"
          ? `there is no folder ${dirname(out)}`
          : reasonOf(error);
    throw new UserError(`--out ${out} cannot be written: ${why}`);
  }
}
