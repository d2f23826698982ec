import { mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { functionOf, inputsOf, type Traceable } from "./compile.ts";
import { quantize } from "./compress/index.ts";
import type { QuantizeOptions } from "./compress/quantize.ts";
import { type Precision, Quantized, type QuantizeReport } from "./compress/quantized.ts";
import { JitError } from "./errors.ts";
import type { Graph } from "./ir.ts";
import { encodeOnnx } from "./onnx.ts";
import { checkOpset, DEFAULT_OPSET, forOpset } from "./opset.ts";
import { optimise } from "./passes/index.ts";
import { trace } from "./trace.ts";

/** Shapes as for `compile`; precision, calibration and what belongs to them as for `quantize`. A compressed model has them already. */
export interface ExportOptions extends QuantizeOptions {
  /** Version of ONNX's ops, 13 to 22. Default 20. */
  readonly opset?: number | undefined;
  /** Default "fp32". */
  readonly precision?: Precision | undefined;
  /** Bytes of weights from which they go to a second file. Default: just below protobuf's 2 GiB. */
  readonly inlineLimit?: number | undefined;
  /** What the file says of itself, as ONNX's `metadata_props`: names of classes, preprocessing, a licence. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Default "any": standard ops only. "onnxruntime" uses that runtime's own fused ops too, as `compile` does; fp32 only. */
  readonly runtime?: "any" | "onnxruntime";
}

/** The files that {@link exportOnnx} wrote. */
export interface ExportedFiles {
  readonly model: string;
  /** Where the weights went, if one file was too small: the two belong side by side. */
  readonly weights: string | undefined;
  /** What was compressed, and what it costs; undefined for fp32. */
  readonly report: QuantizeReport | undefined;
}

/**
 * Writes `target` as an ONNX file of standard ops (by default opset 20 with IR version 9): inputs as stated, a `null` batch as the
 * dimension `N`, outputs `output` or as the function names them. A file of that name is replaced once the new one is whole; an
 * error leaves it as it was and nothing half-written behind.
 * @param path where to, a path or a `file:` URL
 * @throws JitError "write-failed", "bad-input" for an opset or precision that there is not, or what tracing and `quantize` throw
 */
export async function exportOnnx(
  target: Traceable | Quantized,
  path: string | URL,
  options: ExportOptions = {},
): Promise<ExportedFiles> {
  const { opset = DEFAULT_OPSET, inlineLimit, metadata = {} } = options;
  checkOpset(opset);
  const model = resolve(String(path).startsWith("file:") ? fileURLToPath(path) : String(path));
  await checkPlace(model);
  const { graph, report } = await graphOf(target, options);
  forOpset(graph, opset);
  const weightsName = `${basename(model)}.data`;
  const file = encodeOnnx(graph, {
    weightsName,
    opset,
    metadata,
    ...(inlineLimit === undefined ? {} : { inlineLimit }),
  });
  const weights = file.weights && join(dirname(model), weightsName);
  let folder: string | undefined;
  try {
    folder = await mkdtemp(join(dirname(model), ".vitrail-"));
    await writeFile(join(folder, "model"), file.model);
    if (file.weights && weights) {
      await writeFile(join(folder, "weights"), file.weights);
      await rename(join(folder, "weights"), weights);
    }
    await rename(join(folder, "model"), model);
    return { model, weights, report };
  } catch (error) {
    throw cannotWrite(model, error);
  } finally {
    if (folder) await rm(folder, { recursive: true, force: true });
  }
}

async function graphOf(
  target: Traceable | Quantized,
  options: ExportOptions,
): Promise<{ graph: Graph; report: QuantizeReport | undefined }> {
  if (target instanceof Quantized) return { graph: Quantized.graphOf(target), report: target.report };
  const { precision = "fp32", sparsity = 0 } = options;
  if (precision !== "fp32" || sparsity > 0) {
    const model = await quantize(target, { ...options, precision });
    return { graph: Quantized.graphOf(model), report: model.report };
  }
  const graph = trace(functionOf(target), inputsOf(options));
  optimise(graph, { contrib: options.runtime === "onnxruntime" });
  return { graph, report: undefined };
}

/** Minutes of calibration are not to end in a path that could never be written. */
async function checkPlace(model: string): Promise<void> {
  const folder = await stat(dirname(model)).catch((error) => {
    throw cannotWrite(model, error);
  });
  if (!folder.isDirectory()) throw cannotWrite(model, new Error(`${dirname(model)} is no folder`));
  const there = await stat(model).catch(() => undefined);
  if (there?.isDirectory()) throw cannotWrite(model, new Error("it is a folder; give the name of a file in it"));
}

function cannotWrite(path: string, error: unknown): JitError {
  const { code, message } = error as NodeJS.ErrnoException;
  const reason =
    code === "ENOENT"
      ? "its folder does not exist: make it first"
      : code === "EACCES" || code === "EPERM" || code === "EROFS"
        ? "not allowed to write there"
        : code === "ENOSPC"
          ? "the disk is full"
          : message;
  return new JitError("write-failed", `${path}: cannot be written: ${reason}`, { cause: error });
}
