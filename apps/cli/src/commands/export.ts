import { stat } from "node:fs/promises";
import { exportOnnx, type Precision, type QuantizeReport } from "@vitrail/jit";
import type { Preprocess } from "@vitrail/layers";
import { asksForPhotos, calibrationPhotos } from "../calibration.ts";
import { print, say } from "../io.ts";
import { openModel } from "../open-model.ts";
import { plain, UserError } from "../user-error.ts";

/** The options of `vitrail export`. */
export interface ExportCommand {
  readonly weights?: string;
  readonly out: string;
  readonly force?: boolean;
  readonly opset: number;
  readonly dynamicBatch?: boolean;
  readonly precision: Precision;
  readonly calibrate?: string;
  readonly agreement?: number;
  readonly prune?: number;
  readonly offline?: boolean;
  readonly json?: boolean;
}

/** What `vitrail export --json` prints. */
export interface ExportRow {
  readonly model: string;
  readonly file: string;
  /** The second file, with the weights, where one is too small. */
  readonly weights: string | null;
  readonly bytes: number;
  readonly opset: number;
  /** `[N, height, width, 3]`, N as 1 or "N". */
  readonly input: readonly (number | string)[];
  readonly precision: Precision;
  readonly sparsity: number;
  /** Layers that have weights, how many compute in eight bits, and the names of those that were measured to need fp32. */
  readonly layers: {
    readonly all: number;
    readonly int8: number;
    readonly byRow: readonly string[];
    readonly kept: readonly string[];
  } | null;
  /** Top-1 agreement with fp32; null where nothing was measured. */
  readonly agreement: (QuantizeReport["agreement"] & { readonly heldOut: boolean }) | null;
}

/** `vitrail export`. */
export async function exportModel(name: string, options: ExportCommand): Promise<number> {
  const { out, opset, precision, calibrate, agreement, prune: sparsity = 0 } = options;
  if (calibrate !== undefined && precision === "fp32" && sparsity === 0) {
    throw new UserError("--calibrate goes with --precision int8 or fp16, or with --prune: fp32 needs no photos");
  }
  if (!options.force && (await isFile(out))) {
    throw new UserError(`--out ${out}: there is such a file; give --force to write over it`);
  }
  const onNote = (line: string) => say(plain(line));
  const { name: architecture, model, preprocess, labels } = await openModel({ model: name, ...options });
  try {
    const [, height, width] = preprocess.inputSize;
    const photos = calibrate === undefined ? undefined : await calibrationPhotos(calibrate, preprocess, onNote);
    const held = photos !== undefined && photos.validation.length > 0;
    const { report, ...files } = await exportOnnx(model, out, {
      input: [options.dynamicBatch ? null : 1, height, width, 3],
      opset,
      precision,
      sparsity,
      agreement,
      calibration: photos?.calibration,
      validation: held ? photos.validation : photos?.calibration,
      metadata: metadataOf(architecture, preprocess, labels),
      onNote,
    }).catch((error: Error) => {
      throw asksForPhotos(error, calibrate);
    });
    const sizes = await Promise.all([files.model, files.weights].map(async (f) => (f ? (await stat(f)).size : 0)));
    const row: ExportRow = {
      model: name,
      file: files.model,
      weights: files.weights ?? null,
      bytes: sizes.reduce((a, b) => a + b, 0),
      opset,
      input: [options.dynamicBatch ? "N" : 1, height, width, 3],
      precision,
      sparsity,
      layers: report ? { all: report.layers, int8: report.int8Layers, byRow: report.byRow, kept: report.kept } : null,
      agreement: report?.agreement ? { ...report.agreement, heldOut: held } : null,
    };
    if (options.json) print(JSON.stringify(row, null, 2));
    else for (const line of linesFor(row)) print(line);
    return 0;
  } finally {
    model.dispose();
  }
}

/** What a program needs besides the graph, under the names of timm's config.json: what to feed, and what the answers mean. */
function metadataOf(
  architecture: string,
  { inputSize, interpolation, cropPct, cropMode, mean, std }: Preprocess,
  labels: readonly string[] | undefined,
): Record<string, string> {
  const pretrained_cfg = { input_size: inputSize, interpolation, crop_pct: cropPct, crop_mode: cropMode, mean, std };
  return {
    architecture,
    pretrained_cfg: JSON.stringify(pretrained_cfg),
    ...(labels ? { label_names: JSON.stringify(labels) } : {}),
  };
}

function linesFor({ file, weights, bytes, opset, input, precision, layers, agreement, sparsity }: ExportRow): string[] {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const lines = [
    `${plain(file)}${weights ? ` and ${plain(weights)}` : ""}: ${(bytes / 1e6).toFixed(1)} MB, ${precision}, opset ${opset}, input [${input.join(", ")}]`,
  ];
  if (sparsity > 0) lines.push(`  ${percent(sparsity)} of each layer's weights are zero`);
  if (layers && precision === "int8") {
    lines.push(`  ${layers.int8} of ${layers.all} layers compute in eight bits`);
    if (layers.byRow.length > 0) lines.push(`  rounded row by row: ${layers.byRow.length} of them`);
    if (layers.kept.length > 0) lines.push(`  kept in fp32, the most sensitive first: ${layers.kept.join("; ")}`);
  }
  if (agreement) {
    const [low, high] = agreement.interval;
    const seen = agreement.heldOut
      ? "that calibration did not see"
      : "of the calibration itself: give 8 or more to judge on others";
    lines.push(
      `  top-1 agreement with fp32: ${agreement.same} of ${agreement.of} photos ${seen}, ${percent(agreement.share)} (95 % interval ${percent(low)} to ${percent(high)})`,
    );
  }
  return lines;
}

/** A folder is refused elsewhere, by what it is. */
async function isFile(out: string): Promise<boolean> {
  const found = await stat(out.startsWith("file:") ? new URL(out) : out).catch(() => undefined);
  return found !== undefined && !found.isDirectory();
}
