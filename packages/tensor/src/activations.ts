/**
 * The Gaussian error linear unit: "Gaussian Error Linear Units (GELUs)", https://arxiv.org/abs/1606.08415,
 * exact and in its two approximations, with gradients in closed form.
 */
import {
  add,
  customGrad,
  div,
  erf,
  exp,
  mul,
  sigmoid,
  square,
  sub,
  type Tensor,
  tanh,
  tidy,
} from "@tensorflow/tfjs-core";

/** x Φ(x), by the error function: torch's default. Any shape. */
export function gelu<T extends Tensor>(x: T): T {
  const op = customGrad((input, save) => {
    const z = input as Tensor;
    (save as (tensors: Tensor[]) => void)([z]);
    const value = tidy(() => mul(mul(z, 0.5), add(erf(mul(z, Math.SQRT1_2)), 1)));
    const gradFunc = (dy: Tensor, saved: Tensor[]) =>
      tidy(() => {
        const s = saved[0] as Tensor;
        const t = mul(s, Math.SQRT1_2);
        const cdf = mul(add(erf(t), 1), 0.5);
        // z φ(z) = t exp(-t²) / √π: t is there from the forward pass, where equal work is done once
        const slope = div(mul(t, 1 / Math.sqrt(Math.PI)), exp(square(t)));
        return mul(dy, add(cdf, slope));
      });
    return { value, gradFunc };
  });
  return op(x) as T;
}

/** 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))): torch's `approximate="tanh"`. Any shape. */
export function geluTanh<T extends Tensor>(x: T): T {
  const c = Math.sqrt(2 / Math.PI);
  const a = 0.044715;
  const op = customGrad((input, save) => {
    const z = input as Tensor;
    (save as (tensors: Tensor[]) => void)([z]);
    const inner = (v: Tensor) => tanh(mul(mul(v, add(mul(square(v), a), 1)), c));
    const value = tidy(() => mul(mul(z, 0.5), add(inner(z), 1)));
    const gradFunc = (dy: Tensor, saved: Tensor[]) =>
      tidy(() => {
        const s = saved[0] as Tensor;
        const t = inner(s);
        const slope = mul(add(mul(square(s), 3 * a), 1), c);
        const bend = mul(mul(mul(s, 0.5), sub(1, square(t))), slope);
        return mul(dy, add(mul(add(t, 1), 0.5), bend));
      });
    return { value, gradFunc };
  });
  return op(x) as T;
}

/** x σ(1.702 x): OpenAI CLIP's. Any shape. */
export function quickGelu<T extends Tensor>(x: T): T {
  const op = customGrad((input, save) => {
    const z = input as Tensor;
    (save as (tensors: Tensor[]) => void)([z]);
    const value = tidy(() => mul(z, sigmoid(mul(z, 1.702))));
    const gradFunc = (dy: Tensor, saved: Tensor[]) =>
      tidy(() => {
        const s = saved[0] as Tensor;
        const p = sigmoid(mul(s, 1.702));
        return mul(dy, mul(p, add(mul(mul(s, 1.702), sub(1, p)), 1)));
      });
    return { value, gradFunc };
  });
  return op(x) as T;
}
