import { env, findBackend, findBackendFactory } from "@tensorflow/tfjs-core";
import { importByName, mendNodeUtil } from "../node.ts";

/** The two packages, of which a process has room for one. */
export type NativeName = "tfjs-node" | "tfjs-node-gpu";

/** Both register themselves under TensorFlow's own name. */
export const nativeEngine = "tensorflow";

/** The one that is in this process, imported here or by the program itself. */
function loaded(): NativeName | undefined {
  if (findBackendFactory(nativeEngine) === null) return undefined;
  return (findBackend(nativeEngine) as { isGPUPackage?: boolean }).isGPUPackage ? "tfjs-node-gpu" : "tfjs-node";
}

/**
 * What TensorFlow reads from the environment while it is loaded; what the user has set stays. With oneDNN, which it takes
 * by itself on newer processors, some gradients of convolutions come out wrong and some end the process.
 */
export function setTensorFlowEnv(variables: Record<string, string | undefined>): void {
  variables.TF_ENABLE_ONEDNN_OPTS ??= "0";
  variables.TF_CPP_MIN_LOG_LEVEL ??= "2"; // errors alone: else it describes the processor on stderr
}

/** Imports a native package, from `module` where it is not in node_modules, made ready for this Node. */
export async function loadNative(name: NativeName, module = `@tensorflow/${name}`): Promise<void> {
  const present = loaded();
  if (present !== undefined && present !== name) {
    throw new Error(`${present} is loaded in this process already, and the two can't be together`);
  }
  mendNodeUtil();
  if (present === name) return;
  if (typeof process !== "undefined") setTensorFlowEnv(process.env);
  // It brings a copy of tfjs's cpu backend, and would print a line for each kernel that is there already.
  const silent = env().getBool("PROD");
  env().set("PROD", true);
  try {
    await importByName(module);
  } finally {
    env().set("PROD", silent);
  }
}
