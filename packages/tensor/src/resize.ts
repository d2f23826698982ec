/** Enlarging images inside a graph. */
import { customGrad, image, matMul, reshape, type Tensor, type Tensor4D, tensor3d, tidy } from "@tensorflow/tfjs-core";

/**
 * Bilinear, each pixel a square: torch's `interpolate(mode="bilinear", align_corners=False)`. Growing equals Pillow's bilinear;
 * shrinking skips pixels, where Pillow averages them.
 *
 * @param x [B, H, W, C]
 * @param size [height, width]
 * @returns [B, height, width, C]
 */
export function resizeBilinear(x: Tensor4D, size: readonly [height: number, width: number]): Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const [outHeight, outWidth] = size;
  const op = customGrad((input) => ({
    value: image.resizeBilinear(input as Tensor4D, [outHeight, outWidth], false, true) as Tensor,
    // tfjs's own gradient forgets that pixels are squares. Resizing is a product from each side: so is its gradient.
    gradFunc: (dy: Tensor) =>
      tidy(() => {
        const rows = matMul(weights(height, outHeight), reshape(dy, [batch, outHeight, outWidth * channels]), true);
        const columns = reshape(rows, [batch * height, outWidth, channels]);
        return reshape(matMul(weights(width, outWidth), columns, true), x.shape);
      }),
  }));
  return op(x) as Tensor4D;
}

/** How much of each of `from` pixels is in each of `to`: [1, to, from] */
function weights(from: number, to: number): Tensor {
  const values = new Float32Array(to * from);
  for (let i = 0; i < to; i++) {
    const at = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    const low = Math.floor(at);
    const high = Math.min(low + 1, from - 1);
    values[i * from + low] = 1 - (at - low);
    values[i * from + high] = (values[i * from + high] as number) + (at - low);
  }
  return tensor3d(values, [1, to, from]);
}
