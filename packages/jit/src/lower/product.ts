/** Matrix products. */
import { gemm, matMul, transpose } from "../build.ts";
import type { Graph, Value } from "../ir.ts";
import { attr, type LoweringTable, operand } from "./lowering.ts";

function swapLast(g: Graph, x: Value): Value {
  const perm = x.shape.map((_, i) => i);
  perm.push(perm.splice(-2, 1)[0] as number);
  return transpose(g, x, perm);
}

export const products: LoweringTable = {
  BatchMatMul: (call) => {
    const { g } = call;
    const [a, b] = [operand(call, "a"), operand(call, "b")];
    const [transA, transB] = [attr<boolean>(call, "transposeA"), attr<boolean>(call, "transposeB")];
    if (a.shape.length === 2 && b.shape.length === 2) return gemm(g, a, b, transA, transB);
    return matMul(g, transA ? swapLast(g, a) : a, transB ? swapLast(g, b) : b);
  },
};
