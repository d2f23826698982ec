/** Which versions of ONNX's ops can be written, and what older ones lack spelled out in what they have. */
import { add, div, mul, sub, unary } from "./build.ts";
import { JitError } from "./errors.ts";
import { type Graph, rewrite, type Value } from "./ir.ts";

/** The first version with `Gelu`; every runtime since 2024 reads it. */
export const DEFAULT_OPSET = 20;
/** Before 13, axes and splits were attributes; after 22 comes IR version 11, which many runtimes do not read yet. */
export const OLDEST_OPSET = 13;
export const NEWEST_OPSET = 22;

/** The IR version that came with an opset (https://github.com/onnx/onnx/blob/main/docs/Versioning.md): 7 to 10. */
export function irVersionOf(opset: number): number {
  if (opset >= 21) return 10;
  if (opset >= 19) return 9;
  return opset >= 15 ? 8 : 7;
}

/** @throws JitError "bad-input" for a version that cannot be written */
export function checkOpset(opset: number): void {
  if (Number.isInteger(opset) && opset >= OLDEST_OPSET && opset <= NEWEST_OPSET) return;
  throw new JitError(
    "bad-input",
    `opset ${opset}: expected a whole number from ${OLDEST_OPSET} to ${NEWEST_OPSET}; ${DEFAULT_OPSET} is the default`,
  );
}

/** Replaces the ops that `opset` does not have yet. */
export function forOpset(graph: Graph, opset: number): void {
  rewrite(graph, (node) => {
    const [x] = node.inputs as [Value];
    if (node.op === "Gelu" && opset < 20) return [gelu(graph, x)];
    if (node.op === "LayerNormalization" && opset < 17) {
      const [, gamma, beta] = node.inputs as [Value, Value, Value];
      const y = normalised(graph, x, node.attrs.epsilon as number);
      return [add(graph, mul(graph, y, gamma), beta)];
    }
    return undefined;
  });
}

/** x Φ(x), by the error function. */
function gelu(g: Graph, x: Value): Value {
  const erf = unary(g, "Erf", mul(g, x, g.scalar(Math.SQRT1_2)));
  return mul(g, mul(g, x, g.scalar(0.5)), add(g, erf, g.scalar(1)));
}

/** (x − mean) / √(var + ε) over the last axis. */
function normalised(g: Graph, x: Value, epsilon: number): Value {
  const shape = [...x.shape.slice(0, -1), 1];
  const mean = (v: Value) => g.add("ReduceMean", [v], { axes: [x.shape.length - 1], keepdims: 1 }, shape);
  const centred = sub(g, x, mean(x));
  const variance = mean(mul(g, centred, centred));
  return div(g, centred, unary(g, "Sqrt", add(g, variance, g.scalar(epsilon))));
}
