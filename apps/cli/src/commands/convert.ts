import { stat } from "node:fs/promises";
import { openWeights, type Weights } from "@vitrail/hub";
import { type ImageModel, isCheckpointMismatch, loadModel, type ModelSpec } from "@vitrail/layers";
import { useBackend } from "@vitrail/tensor";
import { fetching, megabytes } from "../fetching.ts";
import { print, say } from "../io.ts";
import { checkpointNames, modelNamed } from "../models-table.ts";
import { plain } from "../user-error.ts";
import { refuseExisting, writeTensors } from "../whole-file.ts";

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
  refuseExisting(out, options.force);
  const fetched = fetching(options, checkpointNames());
  const weights = await openWeights(source, { ...fetched, ...(part === undefined ? {} : { part }) }).finally(
    fetched.done,
  );
  try {
    for (const note of weights.notes) say(plain(note));
    await useBackend("cpu"); // nothing is computed: it only holds values
    checkFit(spec, weights);
    await writeTensors(out, weights.tensors, { metadata: { format: "pt", ...weights.metadata }, dtype });
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
