import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { type CompileOptions, functionOf, inputsOf, type Traceable } from "./compile.ts";
import { JitError } from "./errors.ts";
import { encodeOnnx } from "./onnx.ts";
import { optimise } from "./passes/index.ts";
import { trace } from "./trace.ts";

export interface ExportOptions extends Pick<CompileOptions, "input" | "inputs"> {
  /** Bytes of weights from which they go to a second file. Default: just below protobuf's 2 GiB. */
  readonly inlineLimit?: number;
  /** Default "any": standard ops only. "onnxruntime" uses that runtime's own fused ops too, as `compile` does. */
  readonly runtime?: "any" | "onnxruntime";
}

/** The files that {@link exportOnnx} wrote. */
export interface ExportedFiles {
  readonly model: string;
  /** Where the weights went, if one file was too small: the two belong side by side. */
  readonly weights: string | undefined;
}

/**
 * Writes `target` as an ONNX file of standard ops (opset 20, IR version 9): inputs as stated, a `null` batch as the
 * dimension `N`, outputs `output` or as the function names them. Nothing half-written is left behind by an error.
 * @throws JitError "write-failed", or what tracing throws
 */
export async function exportOnnx(target: Traceable, path: string, options: ExportOptions): Promise<ExportedFiles> {
  const graph = trace(functionOf(target), inputsOf(options));
  optimise(graph, { contrib: options.runtime === "onnxruntime" });
  const model = resolve(path);
  const weightsName = `${basename(model)}.data`;
  const { inlineLimit } = options;
  const file = encodeOnnx(graph, { weightsName, ...(inlineLimit === undefined ? {} : { inlineLimit }) });
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
    return { model, weights };
  } catch (error) {
    throw new JitError("write-failed", `${path}: cannot be written: ${(error as Error).message}`, { cause: error });
  } finally {
    if (folder) await rm(folder, { recursive: true, force: true });
  }
}
