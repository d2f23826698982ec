import { getKernel, type KernelConfig, registerKernel, unregisterKernel } from "@tensorflow/tfjs-core";
import { conv2DBackpropFilterConfig } from "./conv-backprop-filter.ts";
import { conv2DBackpropInputConfig } from "./conv-backprop-input.ts";
import { depthwiseBackpropFilterConfig, depthwiseBackpropInputConfig } from "./depthwise-backprop.ts";
import { batchMatMulConfig } from "./mat-mul.ts";
import { unsortedSegmentSumConfig } from "./segment-sum.ts";

const marker = Symbol.for("@vitrail/tensor: wasm kernels");

/** Adds the kernels that training needs and tfjs's wasm backend lacks, and replaces its slow ones. Once an engine. */
export function registerWasmKernels(): void {
  const registered = globalThis as { [marker]?: boolean };
  if (registered[marker]) return;
  registered[marker] = true;
  const add = (config: KernelConfig) => {
    if (getKernel(config.kernelName, "wasm") === undefined) registerKernel(config);
  };
  const replace = (name: string, config: (original: KernelConfig["kernelFunc"]) => KernelConfig) => {
    const original = getKernel(name, "wasm");
    if (original === undefined) return;
    const next = config(original.kernelFunc);
    unregisterKernel(name, "wasm");
    registerKernel({ ...original, ...next });
  };
  add(conv2DBackpropFilterConfig());
  add(depthwiseBackpropFilterConfig());
  add(depthwiseBackpropInputConfig());
  add(unsortedSegmentSumConfig());
  replace("Conv2DBackpropInput", conv2DBackpropInputConfig);
  replace("BatchMatMul", batchMatMulConfig);
}
