import { add, matMul, mul, softmax, type Tensor, tidy } from "@tensorflow/tfjs-core";

/** Settings of {@link scaledDotProductAttention}. */
export interface AttentionOptions {
  /** Multiplies q kᵀ; 1/√d by default. */
  readonly scale?: number;
  /** Added to the scaled q kᵀ before the softmax; anything that broadcasts to [..., N, M]. */
  readonly mask?: Tensor;
}

/**
 * softmax(scale · q kᵀ + mask) v: "Attention Is All You Need", https://arxiv.org/abs/1706.03762, eq. 1.
 * @param q [..., N, d]
 * @param k [..., M, d]
 * @param v [..., M, e]
 * @returns [..., N, e]
 */
export function scaledDotProductAttention<T extends Tensor>(
  q: T,
  k: T,
  v: T,
  { scale, mask }: AttentionOptions = {},
): T {
  return tidy(() => {
    const d = q.shape[q.rank - 1] as number;
    // The query is scaled, not the N x M scores: fewer products, and the same in exact arithmetic.
    const scores = matMul(mul(q, scale ?? d ** -0.5), k, false, true);
    return matMul(softmax(mask ? add(scores, mask) : scores), v) as T;
  });
}
