import { conv2d, grad, sum, type Tensor4D, tensor4d, tidy } from "@tensorflow/tfjs-core";

/** Convolutions whose gradient in the filter oneDNN gets wrong, each most of the times, on one processor or another. */
const suspects = [
  { batch: 2, side: 8, channels: 1, kernel: 1, stride: 2 },
  { batch: 3, side: 10, channels: 4, kernel: 1, stride: 2 },
  { batch: 3, side: 8, channels: 4, kernel: 1, stride: 2 },
  { batch: 1, side: 8, channels: 1, kernel: 3, stride: 1 },
] as const;
type Convolution = (typeof suspects)[number];

/** It gets them wrong often, not always. */
const rounds = 3;

/** The gradient of the sum of a convolution with one output channel: for each tap the sum of the pixels that it meets. */
function expected(pixels: Float32Array, { batch, side, channels, kernel, stride }: Convolution): number[] {
  const steps = Math.floor((side - kernel) / stride) + 1;
  return Array.from({ length: kernel * kernel * channels }, (_, tap) => {
    const channel = tap % channels;
    const [row, column] = [Math.floor(tap / channels / kernel), Math.floor(tap / channels) % kernel];
    let total = 0;
    for (let i = 0; i < batch * steps * steps; i++) {
      const y = row + stride * (Math.floor(i / steps) % steps);
      const x = column + stride * (i % steps);
      total += pixels[((Math.floor(i / steps / steps) * side + y) * side + x) * channels + channel] as number;
    }
    return total;
  });
}

/**
 * Whether the backend that runs gets such gradients right. The environment may have asked for oneDNN, or the program may
 * have imported tfjs-node by itself, before it could be switched off.
 */
export function gradientsAreRight(): boolean {
  return new Array(rounds)
    .fill(suspects)
    .flat()
    .every((suspect: Convolution) => {
      const { batch, side, channels, kernel, stride } = suspect;
      const pixels = Float32Array.from({ length: batch * side * side * channels }, (_, i) => i % 17);
      const found = tidy(() => {
        const x = tensor4d(pixels, [batch, side, side, channels]);
        const size = kernel * kernel * channels;
        const filter = tensor4d(new Float32Array(size).fill(1), [kernel, kernel, channels, 1]);
        return grad((w) => sum(conv2d(x, w as Tensor4D, stride, "valid")))(filter).dataSync();
      });
      // Sums of small whole numbers: exact in any order.
      return expected(pixels, suspect).every((value, i) => value === found[i]);
    });
}
