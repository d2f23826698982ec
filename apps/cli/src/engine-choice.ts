import type { EngineName, EngineOptions } from "@vitrail/jit";
import { type BackendName, useBackend } from "@vitrail/tensor";
import { UserError } from "../user-error.ts";

/** What computes, as asked on the command line. */
export interface EngineChoice {
  readonly engine?: EngineName | "auto";
  /** A tfjs backend; then the engine is tfjs. */
  readonly backend?: string;
}

/** Makes tfjs ready, which engine tfjs computes on and every model is built on, and gives the engine's settings. */
export async function chooseEngine({ engine = "auto", backend }: EngineChoice): Promise<Pick<EngineOptions, "engine">> {
  if (backend !== undefined && engine !== "auto" && engine !== "tfjs") {
    throw new UserError(`--backend ${backend} is one of engine tfjs: leave --engine ${engine} out`);
  }
  await useBackend((backend ?? "auto") as BackendName | "auto"); // says which names there are
  const chosen = backend === undefined ? engine : "tfjs";
  return chosen === "auto" ? {} : { engine: chosen };
}
