import { getKernel, type KernelConfig, registerKernel, unregisterKernel } from "@tensorflow/tfjs-core";
import { conv2DBackpropFilterConfig } from "./conv-backprop-filter.ts";
import { conv2DBackpropInputConfig } from "./conv-backprop-input.ts";
import { depthwiseBackpropFilterConfig, depthwiseBackpropInputConfig } from "./depthwise-backprop.ts";
import { batchMatMulConfig } from "./mat-mul.ts";
import { maxPoolGradConfig } from "./max-pool-grad.ts";
import { unsortedSegmentSumConfig } from "./segment-sum.ts";

/** Marks a kernel of ours. A plain name, so that another copy of this package knows it too. */
const ours = "vitrailKernel";

/** Adds the kernels that training needs and tfjs's wasm backend lacks, and replaces its slow ones. */
export function registerWasmKernels(): void {
  const add = (config: KernelConfig) => {
    if (getKernel(config.kernelName, "wasm") === undefined) registerKernel(Object.assign(config, { [ours]: true }));
  };
  const replace = (name: string, config: (original: KernelConfig["kernelFunc"]) => KernelConfig) => {
    const original = getKernel(name, "wasm") as (KernelConfig & { [ours]?: boolean }) | undefined;
    if (original === undefined || original[ours] === true) return;
    unregisterKernel(name, "wasm");
    add({ ...original, ...config(original.kernelFunc) });
  };
  add(conv2DBackpropFilterConfig());
  add(depthwiseBackpropFilterConfig());
  add(depthwiseBackpropInputConfig());
  add(unsortedSegmentSumConfig());
  replace("Conv2DBackpropInput", conv2DBackpropInputConfig);
  replace("BatchMatMul", batchMatMulConfig);
  replace("MaxPoolGrad", maxPoolGradConfig);
}
