import type { NamedAttrMap } from "@vitrail/tensor";
import { callerLine, JitError } from "../errors.ts";
import type { Graph, Value } from "../ir.ts";

/** One call of a tfjs kernel, its tensors already values of the graph. */
export interface KernelCall {
  readonly g: Graph;
  readonly inputs: Readonly<Record<string, Value>>;
  readonly attrs: NamedAttrMap;
  /** tfjs's name of the kernel. */
  readonly kernel: string;
}

/** Appends to the graph what the kernel computes, and gives its result or results. */
export type Lowering = (call: KernelCall) => Value | Value[];
export type LoweringTable = Readonly<Record<string, Lowering>>;

/** The named operand. */
export function operand({ inputs, kernel }: KernelCall, name: string): Value {
  const value = inputs[name];
  if (!value) throw new JitError("trace-unsupported", `${kernel} was called without ${name}`);
  return value;
}

/** The named attribute, of the type that tfjs documents for it. */
export const attr = <T>({ attrs }: KernelCall, name: string): T => attrs[name] as unknown as T;

/** A kernel in a form that has no counterpart here. */
export function unsupported(kernel: string, why: string): JitError {
  return new JitError("trace-unsupported", `${kernel} cannot be traced: ${why}${callerLine(new Error().stack)}`);
}
