/** Small questions that the fusing passes ask about how a value came to be. */
import { decodeFloat16 } from "@vitrail/checkpoint";
import { scalarOf } from "../build.ts";
import type { Node, Value } from "../ir.ts";

/** The node that made `v`, if it is an `op` of ONNX itself. */
export function madeBy(v: Value | undefined, op: string): Node | undefined {
  const node = v?.producer;
  return node?.op === op && node.domain === "" ? node : undefined;
}

/** The two operands of a commutative `op` that made `v`, in both orders. */
export function operandOrders(v: Value | undefined, op: string): readonly (readonly [Value, Value])[] {
  const node = madeBy(v, op);
  if (!node) return [];
  const [a, b] = node.inputs as [Value, Value];
  return [
    [a, b],
    [b, a],
  ];
}

/** `x` where `v` = `op`(x, scalar) and the scalar is `expected` to fp32 precision. */
export function withScalar(v: Value | undefined, op: string, expected: number): Value | undefined {
  const found = scalarOperand(v, op);
  return found && Math.abs(found.scalar - expected) <= 1e-6 * Math.abs(expected) ? found.x : undefined;
}

/** `x` and the scalar where `v` = `op`(x, scalar). */
export function scalarOperand(v: Value | undefined, op: string): { x: Value; scalar: number } | undefined {
  for (const [x, s] of operandOrders(v, op)) {
    const scalar = scalarOf(s);
    if (scalar !== undefined) return { x, scalar };
  }
  return undefined;
}

/** An input of the graph, a constant, or a part of a joined input: parts come before all else (passes/state-vectors.ts). */
export function isGiven({ producer }: Value): boolean {
  return !producer || (producer.op === "Split" && isGiven(producer.inputs[0] as Value));
}

/** Values that are known before a session opens: in fp32, or in half precision and widened (compress/half.ts). */
export function knownValues(v: Value): (() => Float32Array) | undefined {
  const { data, dtype } = madeBy(v, "Cast")?.inputs[0] ?? v;
  if (!data || (dtype !== "float32" && dtype !== "float16")) return undefined;
  return () => (dtype === "float16" ? decodeFloat16(data() as Uint16Array) : (data() as Float32Array));
}

/** A plain convolution of 3 × 3 whose filter is known: stride one, no dilation, one group. Its filter is [K, C, 3, 3]. */
export function knownThreeByThree({ op, domain, inputs, attrs }: Node) {
  const [, filter] = inputs;
  const known = filter && knownValues(filter);
  if (op !== "Conv" || domain !== "" || attrs.group !== 1 || !known) return undefined;
  const [K, C, ...kernel] = filter.shape as [number, number, number, number];
  const steps = [...(attrs.strides as readonly number[]), ...(attrs.dilations as readonly number[])];
  return steps.every((v) => v === 1) && kernel.every((k) => k === 3) ? { K, C, known } : undefined;
}
