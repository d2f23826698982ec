/**
 * Products that read their left operand transposed, as the gradient of a layer's weight does: C = Aᵀ B, with A [T, M] and B [T, N], T
 * being all rows of a batch. ONNX Runtime's product takes a fifth to a quarter longer where its left operand is transposed; turning an
 * operand by its two reorders, into blocks of channels and out of them, takes less and runs on all threads (its Transpose has one).
 */
import { reshape, transpose } from "../build.ts";
import type { Node, Value } from "../ir.ts";
import { BLOCKED_DOMAIN, type Forms, reorderOutput } from "./blocked-forms.ts";

/** With fewer rows both ways take the same time (docs/decisions/0010). */
const LEAST_ROWS = 128;

const isTurned = ({ op, domain, inputs, attrs }: Node): boolean =>
  op === "Gemm" && domain === "" && inputs.length === 2 && attrs.transA === 1 && attrs.transB !== 1;

/** C, or undefined where the product is another one or has no whole blocks. */
export function turnedProduct(
  forms: Forms,
  node: Node,
  readers: ReadonlyMap<Value, readonly Node[]>,
): Value | undefined {
  if (!isTurned(node)) return undefined;
  const [a, b] = node.inputs as [Value, Value];
  const [T, M] = a.shape as [number, number];
  const N = b.shape[1] as number;
  if (T < LEAST_ROWS || [M, N].some((size) => size % forms.block !== 0)) return undefined;
  const g = forms.out;
  /** With the product's factor, if it has one. */
  const product = (left: Value, right: Value) =>
    g.add("Gemm", [left, right], { ...node.attrs, transA: 0 }, [left.shape[0] as number, right.shape[1] as number]);
  // What is turned: A, once for all such products that read it, as those of a filter's taps do, or B and what then is Cᵀ, where that is less.
  const together = readers.get(a)?.filter((one) => isTurned(one) && one.inputs[0] === a) ?? [];
  if (together.length > 1 || T * M <= (T + M) * N) return product(turned(forms, a), forms.plain(b));
  return transpose(g, product(turned(forms, b), forms.plain(a)), [1, 0]);
}

/** A matrix [T, M] of whole blocks of columns as [M, T]: into blocks, its columns being channels, and out of them. */
function turned(forms: Forms, v: Value): Value {
  return forms.once(v, "turned", () => {
    const { out: g } = forms;
    const [T, M] = v.shape as [number, number];
    const rows = reshape(g, forms.plain(v), [1, T, 1, M]);
    const blocks = g.add("ReorderInput", [rows], { channels_last: 1 }, [1, M, T, 1], v.dtype, BLOCKED_DOMAIN);
    return reshape(g, reorderOutput(g, blocks), [M, T]);
  });
}
