/**
 * What lies between convolutions, done on maps in blocks, so that they are turned only where something truly needs them plain.
 *
 * A scale and a shift for each channel is a depthwise convolution of 1 x 1: one pass on all threads, with a sum and a ReLU if they
 * follow. A mean over pixels is the blocked average pool. With these, batch normalisation and its gradient take no longer than
 * ONNX Runtime's own node, which has but one thread.
 */
import { add, binary, mul, reduce, reshape, unary } from "../build.ts";
import { type Attrs, type Graph, type Node, sameShape, sizeOf, type Value } from "../ir.ts";
import { BLOCKED_DOMAIN, convolution, type Forms } from "./blocked-forms.ts";
import { type Reach, tapOf } from "./blocked-taps.ts";

/** Ops of one operand or two, float32 all, whose result at a position depends on that position only. */
const pointwise = [
  ["Add", "Sub", "Mul", "Div", "Max", "Min", "Neg", "Abs", "Exp", "Log", "Sqrt", "Reciprocal"],
  ["Sigmoid", "Tanh", "Erf", "Softplus", "Elu", "Relu", "LeakyRelu", "HardSigmoid"],
];

/** Does a node in blocks where one of its maps is there in blocks; false where it is to be done plain. */
export function throughBlocks(forms: Forms, node: Node): boolean {
  const map = node.inputs.find((v) => v && forms.isBlocked(v));
  if (!map) return false;
  const [y] = node.outputs as [Value];
  if (node.op === "BatchNormalization") return normalise(forms, node);
  if (node.op === "ReduceSum" || node.op === "ReduceMean") return reduced(forms, node, map);
  if (node.op === "Slice") return strided(forms, node, map);
  if (node.op === "MaxPool") return pooled(forms, node, map);
  if (!pointwise.some((ops) => ops.includes(node.op)) || !sameShape(map.shape, y.shape)) return false;
  const made = joined(forms, node) ?? affine(forms, node, map) ?? elementwise(forms, node, map);
  if (made) forms.setBlocked(y, made);
  return made !== undefined;
}

/** x a + b for each channel: `a` and `b` are [C]. */
function depthwise(g: Graph, x: Value, a: Value, b: Value | undefined): Value {
  const [C] = a.shape as [number];
  return convolution(g, [x, reshape(g, a, [C, 1, 1, 1]), ...(b ? [b] : [])], x.shape, { group: C });
}

/** A map as a convolution's result, so that what is added to it becomes part of a pass ({@link joined}). */
export const asConvolution = (g: Graph, x: Value): Value => depthwise(g, x, ones(g, x.shape[1] as number), undefined);

const ones = (g: Graph, count: number): Value => g.constant(new Float32Array(count).fill(1), [count], "float32");

/** The kernels of pools and of depthwise convolutions add one value after the other: up to so many, it is as exact as other sums. */
const PIXELS_AT_ONCE = 256;

/** The mean of each channel over pixels, [N, C]; of a large map by its rows, else 112² equal values have a mean 1e-4 beside theirs. */
function meanOfPixels({ out: g, block: b }: Forms, x: Value): Value {
  const [N, C, H, W] = x.shape as [number, number, number, number];
  const pool = (map: Value): Value => {
    const [n, c] = map.shape as [number, number];
    return g.add("GlobalAveragePool", [map], {}, [n, c, 1, 1], map.dtype, BLOCKED_DOMAIN);
  };
  if (H * W <= PIXELS_AT_ONCE) return reshape(g, pool(x), [N, C]);
  const rows = pool(reshape(g, x, [(N * C * H) / b, b, 1, W]));
  return reshape(g, reduce(g, "ReduceMean", reshape(g, rows, [(N * C) / b, H, b]), [1], false), [N, C]);
}

/**
 * The sum over pixels of x y for each channel, [N, C]: a depthwise convolution whose filter is the other map, so that no product of
 * maps is written and read again. Over a large map row by row, as its mean.
 */
function sumOfProducts({ out: g, block: b }: Forms, x: Value, y: Value): Value {
  const [N, C, H, W] = x.shape as [number, number, number, number];
  const byRows = H * W > PIXELS_AT_ONCE;
  const groups = byRows ? N * C * H : N * C;
  const kernel = byRows ? [1, W] : [H, W];
  const operands = [reshape(g, x, [1, groups, ...kernel]), reshape(g, y, [groups, 1, ...kernel])];
  const sums = convolution(g, operands, [1, groups, 1, 1], { group: groups });
  if (!byRows) return reshape(g, sums, [N, C]);
  return reshape(g, reduce(g, "ReduceSum", reshape(g, sums, [(N * C) / b, H, b]), [1], false), [N, C]);
}

/** The convolution of `v` in blocks, where only the node that asks reads it: it can take over what that node does. */
function openConvolution(forms: Forms, v: Value | undefined): Node | undefined {
  const made = v && forms.isBlocked(v) && forms.uses(v) === 1 ? forms.blocked(v).producer : undefined;
  return made?.op === "Conv" && made.domain === BLOCKED_DOMAIN && made.attrs.activation === undefined
    ? made
    : undefined;
}

/** A sum or a ReLU after a convolution becomes part of it. */
function joined(forms: Forms, { op, inputs }: Node): Value | undefined {
  const again = ({ inputs: operands, outputs }: Node, more: Value[], attrs: Attrs): Value => {
    const [y] = outputs as [Value];
    return forms.out.add("Conv", [...operands, ...more], attrs, y.shape, y.dtype, BLOCKED_DOMAIN);
  };
  const [a, b] = inputs as [Value, Value | undefined];
  if (op === "Relu") {
    const made = openConvolution(forms, a);
    return made && again(made, [], { ...made.attrs, activation: "Relu" });
  }
  if (op !== "Add" || !b || !sameShape(a.shape, b.shape)) return undefined;
  for (const [one, other] of [
    [b, a],
    [a, b],
  ] as const) {
    const made = openConvolution(forms, one);
    if (!made || made.inputs.length > 3) continue;
    const operands = [...made.inputs, ...(made.inputs.length === 2 ? [undefined] : [])];
    return again({ ...made, inputs: operands }, [forms.blocked(other)], made.attrs);
  }
  return undefined;
}

/** A factor or a term for each channel. */
function affine(forms: Forms, { op, inputs }: Node, map: Value): Value | undefined {
  const { out: g } = forms;
  const other = inputs[0] === map ? inputs[1] : inputs[0];
  const C = map.shape[1] as number;
  if (!other || sizeOf(other.shape) !== C || other.shape.at(-3) !== C) return undefined;
  const centred = op === "Sub" && inputs[0] === map ? forms.centred(map, other.producer?.inputs[0]) : undefined;
  if (centred) return centred;
  const vector = reshape(g, forms.plain(other), [C]);
  const x = forms.blocked(map);
  if (op === "Mul") return depthwise(g, x, vector, undefined);
  if (op === "Add") return depthwise(g, x, ones(g, C), vector);
  return op === "Sub" && inputs[0] === map ? depthwise(g, x, ones(g, C), unary(g, "Neg", vector)) : undefined;
}

/** Maps of one shape, and operands that do not tell channels or pixels apart. */
function elementwise(forms: Forms, { op, inputs, attrs, outputs }: Node, map: Value): Value | undefined {
  const operands = inputs.map((v) => {
    if (!v || sameShape(v.shape, map.shape)) return v && forms.blocked(v);
    const wide = v.shape.length === 4 ? v.shape.slice(1) : v.shape;
    return wide.every((d) => d === 1) ? forms.plain(v) : undefined;
  });
  const [y] = outputs as [Value];
  return operands.includes(undefined) ? undefined : forms.out.add(op, operands, attrs, y.shape, y.dtype);
}

/** Sums and means of each channel, over all pixels and perhaps images. */
function reduced(forms: Forms, { op, attrs, outputs }: Node, map: Value): boolean {
  const { out: g } = forms;
  const [y] = outputs as [Value];
  const [, , H, W] = map.shape as [number, number, number, number];
  const axes = attrs.axes as readonly number[];
  const overImages = sameShape(axes, [0, 2, 3]);
  if (!overImages && !sameShape(axes, [2, 3])) return false;
  const factors = productOfMaps(forms, map);
  const found = factors ? sumOfProducts(forms, ...factors) : meanOfPixels(forms, forms.blocked(map));
  const result = overImages ? reduce(g, op, found, [0], false) : found;
  const scale = (op === "ReduceSum" ? H * W : 1) / (factors ? H * W : 1);
  forms.setPlain(y, reshape(g, scale === 1 ? result : mul(g, result, g.scalar(scale)), y.shape));
  return true;
}

/** Rows and columns that lie a stride apart. */
function strided(forms: Forms, { attrs, outputs }: Node, map: Value): boolean {
  const [y] = outputs as [Value];
  const [axes, starts, steps] = [attrs.axes, attrs.starts, attrs.steps] as [number[], number[], number[]];
  const spatial = axes.every((axis, i) => axis >= 2 && (starts[i] as number) >= 0 && (steps[i] as number) > 0);
  if (!spatial || steps.every((step) => step === 1)) return false;
  const reach = (axis: number): Reach => {
    const i = axes.indexOf(axis);
    return { offset: starts[i] ?? 0, stride: steps[i] ?? 1, size: y.shape[axis] as number };
  };
  forms.setBlocked(y, tapOf(forms, forms.blocked(map), reach(2), reach(3)));
  return true;
}

/** A max pool whose positions nobody asks for. */
function pooled(forms: Forms, { attrs, outputs }: Node, map: Value): boolean {
  const [y] = outputs as [Value];
  if (outputs.length > 1) return false;
  forms.setBlocked(y, forms.out.add("MaxPool", [forms.blocked(map)], attrs, y.shape, y.dtype, BLOCKED_DOMAIN));
  return true;
}

/** The maps whose product `map` is, if nothing but the node that asks reads it. */
function productOfMaps(forms: Forms, map: Value): [Value, Value] | undefined {
  const made = forms.uses(map) === 1 ? forms.blocked(map).producer : undefined;
  const [a, b] = made?.op === "Mul" ? (made.inputs as [Value, Value]) : [];
  return a && b && sameShape(a.shape, b.shape) ? [a, b] : undefined;
}

/** Normalisation by the batch's own statistics, which it gives too, or by constants that do nothing (passes/affine.ts). */
function normalise(forms: Forms, { inputs, attrs, outputs }: Node): boolean {
  const { out: g } = forms;
  const [map, scale, shift, mean, variance] = inputs as [Value, Value, Value, Value, Value];
  const [a, b] = [forms.plain(scale), forms.plain(shift)];
  const x = forms.blocked(map);
  const [y, meanNow, varianceNow] = outputs as [Value, Value | undefined, Value | undefined];
  if (attrs.training_mode !== 1) {
    const nothing = attrs.epsilon === 0 && isFilled(mean, 0) && isFilled(variance, 1);
    if (nothing) forms.setBlocked(y, depthwise(g, x, a, b));
    return nothing;
  }
  if (!meanNow || !varianceNow || attrs.momentum !== 0) return false;
  const middle = reduce(g, "ReduceMean", meanOfPixels(forms, x), [0], false);
  const centred = depthwise(g, x, ones(g, map.shape[1] as number), unary(g, "Neg", middle));
  const [N, , H, W] = map.shape as [number, number, number, number];
  const squares = reduce(g, "ReduceSum", sumOfProducts(forms, centred, centred), [0], false);
  const spread = mul(g, squares, g.scalar(1 / (N * H * W)));
  const deviation = unary(g, "Sqrt", add(g, spread, g.scalar(attrs.epsilon as number)));
  forms.setBlocked(y, depthwise(g, centred, binary(g, "Div", a, deviation), b));
  forms.setCentred(map, meanNow, centred);
  forms.setPlain(meanNow, middle);
  forms.setPlain(varianceNow, spread);
  return true;
}

const isFilled = ({ data }: Value, value: number): boolean => data?.().every((v) => Number(v) === value) ?? false;
