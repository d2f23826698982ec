import type { Tensor, Tensor1D, Tensor2D } from "@vitrail/tensor";

const hasShape = (t: Tensor, shape: readonly number[]) =>
  t.rank === shape.length && t.shape.every((d, i) => d === shape[i]);

/** @throws RangeError or TypeError where targets do not fit the logits [B, K], or smoothing is no share */
export function checkTarget(loss: string, logits: Tensor2D, target: Tensor1D | Tensor2D, labelSmoothing: number): void {
  const [B, K] = logits.shape;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new RangeError(`${loss}: expected labelSmoothing of 0 to 1, found ${labelSmoothing}`);
  }
  if (!hasShape(target, [B]) && !hasShape(target, [B, K])) {
    throw new RangeError(`${loss}: expected targets [${B}] or [${B}, ${K}], found [${target.shape.join(", ")}]`);
  }
  if (target.rank === 1 && target.dtype !== "int32") {
    throw new TypeError(`${loss}: expected class numbers of type int32, found ${target.dtype}`);
  }
}
