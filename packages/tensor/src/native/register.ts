import { getKernel, registerKernel } from "@tensorflow/tfjs-core";
import { reluGradConfig } from "./relu.ts";

/** Adds the kernel that tfjs-node lacks for training at TensorFlow's speed. */
export function registerNativeKernels(): void {
  const config = reluGradConfig();
  if (getKernel(config.kernelName, config.backendName) === undefined) registerKernel(config);
}
