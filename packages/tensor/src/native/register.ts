import { conv2d, getKernel, grad, registerKernel, sum, type Tensor4D, tensor4d, tidy } from "@tensorflow/tfjs-core";
import { reluGradConfig } from "./relu.ts";

/** Adds the kernel that tfjs-node lacks for training at TensorFlow's speed. */
export function registerNativeKernels(): void {
  const config = reluGradConfig();
  if (getKernel(config.kernelName, config.backendName) === undefined) registerKernel(config);
}

/**
 * Whether the gradients of convolutions are right, by two that oneDNN gets wrong on one processor or another. What it is
 * good for: the environment may have asked for oneDNN, or the program may have imported the package by itself.
 */
export function gradientsAreRight(): boolean {
  return tidy(() => {
    const x = tensor4d(
      Float32Array.from({ length: 64 }, (_, i) => i),
      [1, 8, 8, 1],
    );
    const slope = (kernel: number, stride: number): number => {
      const filter = tensor4d(new Float32Array(kernel * kernel).fill(1), [kernel, kernel, 1, 1]);
      return grad((w) => sum(conv2d(x, w as Tensor4D, stride, "valid")))(filter).dataSync()[0] as number;
    };
    // The sums of the pixels that the filter's first tap meets: every second one; all but the last two rows and columns.
    return slope(1, 2) === 432 && slope(3, 1) === 810;
  });
}
