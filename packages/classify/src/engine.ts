import type { EngineName, Precision, ProviderName } from "@vitrail/jit";
import type { BackendReport } from "@vitrail/tensor";
import { ClassifyError } from "./errors.ts";

/** What runs the forward pass, and why: `ort` is onnxruntime-node, `ort-web` onnxruntime-web, `tfjs` the tfjs backend. */
export interface EngineInfo {
  readonly name: EngineName;
  /** ONNX Runtime's execution provider; undefined for tfjs. */
  readonly provider: string | undefined;
  readonly reason: string;
  /** What came first and could not be taken. */
  readonly tried: readonly { readonly name: string; readonly reason: string }[];
}

/** Which engine, and how precisely it computes. */
export interface EngineChoice {
  /**
   * Default "auto": the model is traced once and runs in `onnxruntime-node`, else in `onnxruntime-web`, whichever is installed, off the
   * calling thread; else on tfjs. "tfjs" where `backend` is given.
   */
  readonly engine?: EngineName | "auto";
  /** ONNX Runtime's execution provider. Default "auto": a graphics processor where one starts, else the CPU. By name: that one or an error. */
  readonly provider?: ProviderName | "auto";
  /**
   * Default "fp32". "int8" needs ONNX Runtime; without `calibration` it rounds matrix products only, by the range of each batch.
   * "fp16" rounds the weights to half precision.
   */
  readonly precision?: Precision;
}

/** A forward pass on host values. */
export interface Runner {
  readonly engine: EngineInfo;
  /** Of engine tfjs: the backend, and why it was chosen. */
  readonly backend: BackendReport | undefined;
  /** Images `[n, height, width, 3]` to logits `[n, classes]`. */
  run(values: Float32Array, n: number): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** The functions of `@vitrail/jit` that a platform has. */
export type Jit = Pick<typeof import("@vitrail/jit"), "compile" | "quantize" | "hostTensors" | "warmUp">;

/** What {@link engineFor} found. */
export type ChosenEngine = Required<Pick<EngineChoice, "engine" | "provider" | "precision">>;

/** Checks that engine, provider, precision and backend go together, and gives those that hold. */
export function engineFor(choice: EngineChoice, backend: string | undefined): ChosenEngine {
  const { engine, provider = "auto", precision = "fp32" } = choice;
  const chosen = engine === undefined || engine === "auto" ? (backend === undefined ? "auto" : "tfjs") : engine;
  const engines = ["auto", "ort", "ort-web", "tfjs"];
  if (!engines.includes(chosen)) throw bad(`engine ${chosen}: expected ${engines.join(", ")}`);
  const providers = ["auto", "cpu", "cuda", "coreml", "dml", "webgpu"];
  if (!providers.includes(provider)) throw bad(`provider ${provider}: expected ${providers.join(", ")}`);
  const precisions = ["fp32", "fp16", "int8"];
  if (!precisions.includes(precision)) {
    throw bad(`precision ${precision}: expected ${precisions.join(", ")}`);
  }
  if (backend !== undefined && chosen !== "tfjs") {
    throw bad(`backend ${backend} is one of engine tfjs, found engine ${chosen}: leave one of the two out`);
  }
  if (chosen === "tfjs" && provider !== "auto") {
    throw bad(`provider ${provider} is one of engines ort and ort-web, found engine tfjs: leave one of the two out`);
  }
  if (chosen === "tfjs" && precision !== "fp32") {
    throw bad(`precision ${precision} needs engine ort or ort-web; tfjs computes in fp32`);
  }
  return { engine: chosen, provider, precision };
}

const bad = (message: string) => new ClassifyError("bad-option", message);
