// tfjs's wasm backend as a peer: with the kernels of its own package, or with those that @vitrail/tensor puts in their place.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { useBackend } from "@vitrail/tensor";

/** Starts the backend, before anything else does. `take`: which kernels run from then on. */
export async function wasmKernels() {
  const require = createRequire(import.meta.resolve("@vitrail/tensor"));
  // tfjs's registry is one for all copies of its module.
  const { getKernelsForBackend, registerKernel, unregisterKernel } = require("@tensorflow/tfjs-core");
  await import(pathToFileURL(require.resolve("@tensorflow/tfjs-backend-wasm")));
  const published = getKernelsForBackend("wasm");
  await useBackend("wasm");
  const theirs = new Set(published);
  const replaced = getKernelsForBackend("wasm").filter((kernel) => !theirs.has(kernel));
  const names = new Set(replaced.map(({ kernelName }) => kernelName));
  const sets = { ours: replaced, published: published.filter(({ kernelName }) => names.has(kernelName)) };
  if (!names.has("BatchMatMul")) throw new Error("the kernels of @vitrail/tensor were registered before");
  let current = sets.ours;
  return {
    take(which) {
      for (const { kernelName } of current) unregisterKernel(kernelName, "wasm");
      current = sets[which];
      for (const kernel of current) registerKernel(kernel);
    },
  };
}
