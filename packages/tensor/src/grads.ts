/** tfjs's gradient functions, typed by what they differentiate: the gradient of a Tensor4D is a Tensor4D. */
import {
  type Tensor,
  type TensorLike,
  grad as tfjsGrad,
  grads as tfjsGrads,
  valueAndGrads as tfjsValueAndGrads,
} from "@tensorflow/tfjs-core";

type Like<Xs extends readonly Tensor[]> = { readonly [I in keyof Xs]: Xs[I] | TensorLike };

/**
 * `grad(f)(x, dy?)` is the gradient of `f` at `x`, times `dy` (default: ones, for a scalar `f`).
 * @throws Error where `f` does not depend on `x`
 */
export const grad = tfjsGrad as unknown as <X extends Tensor>(
  f: (x: X) => Tensor,
) => (x: X | TensorLike, dy?: Tensor | TensorLike) => X;

/** As {@link grad}, for a function of several tensors: `grads(f)([x, y], dy?)` is one gradient for each. */
export const grads = tfjsGrads as unknown as <Xs extends Tensor[]>(
  f: (...xs: Xs) => Tensor,
) => (xs: Like<Xs>, dy?: Tensor | TensorLike) => Xs;

/** As {@link grads}, with the value of `f`. */
export const valueAndGrads = tfjsValueAndGrads as unknown as <Xs extends Tensor[], Y extends Tensor>(
  f: (...xs: Xs) => Y,
) => (xs: Xs, dy?: Y) => { readonly value: Y; readonly grads: Xs };
