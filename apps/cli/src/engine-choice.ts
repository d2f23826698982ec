import type { EngineName, EngineOptions, ProviderName } from "@vitrail/jit";
import { type BackendName, useBackend } from "@vitrail/tensor";
import { UserError } from "./user-error.ts";

/** What computes, as asked on the command line. */
export interface EngineChoice {
  readonly engine?: EngineName | "auto";
  /** ONNX Runtime's; then the engine is one of its. */
  readonly provider?: ProviderName | "auto";
  /** A tfjs backend; then the engine is tfjs. */
  readonly backend?: string;
}

/** The jit's settings for what is asked: those of its defaults are left out. */
export type ChosenEngine = Pick<EngineOptions, "engine" | "provider">;

/** @throws UserError where two of them do not go together */
export function engineFor({ engine = "auto", provider = "auto", backend }: EngineChoice): ChosenEngine {
  if (backend !== undefined && engine !== "auto" && engine !== "tfjs") {
    throw new UserError(`--backend ${backend} is one of engine tfjs: leave --engine ${engine} out`);
  }
  const chosen = backend === undefined ? engine : "tfjs";
  if (provider !== "auto" && chosen === "tfjs") {
    const other = backend === undefined ? "--engine tfjs" : `--backend ${backend}`;
    throw new UserError(`--provider ${provider} is one of engines ort and ort-web: leave ${other} out`);
  }
  return { ...(chosen === "auto" ? {} : { engine: chosen }), ...(provider === "auto" ? {} : { provider }) };
}

/** Makes tfjs ready, which engine tfjs computes on and every model is built on, and gives the engine's settings. */
export async function startEngine(choice: EngineChoice): Promise<ChosenEngine> {
  const chosen = engineFor(choice);
  await useBackend((choice.backend ?? "auto") as BackendName | "auto"); // says which names there are
  return chosen;
}
