import { binary, reshape } from "../build.ts";
import { type Graph, rewrite, sameShape, sizeOf, type Value } from "../ir.ts";

const arithmetic = new Set(["Add", "Sub", "Mul", "Div"]);

/**
 * Arithmetic of a tensor whose last axes have length 1 (a 1 x 1 filter, [K, C, 1, 1]) with one number happens on a view without
 * them: ONNX Runtime's broadcasting would go value by value, twenty times as slowly.
 */
export function dropTrailingOnes(graph: Graph): void {
  rewrite(graph, ({ op, inputs, outputs }) => {
    const { shape } = outputs[0] as Value;
    if (!arithmetic.has(op) || shape.at(-1) !== 1 || sizeOf(shape) === 1) return undefined;
    const [a, b] = inputs as [Value, Value];
    const [x, number] = sizeOf(b.shape) === 1 ? [a, b] : [b, a];
    if (sizeOf(number.shape) !== 1 || !sameShape(x.shape, shape)) return undefined;
    const kept = shape.slice(0, shape.findLastIndex((d) => d !== 1) + 1);
    const [flat, scalar] = [reshape(graph, x, kept), reshape(graph, number, [])];
    return [reshape(graph, x === a ? binary(graph, op, flat, scalar) : binary(graph, op, scalar, flat), shape)];
  });
}
