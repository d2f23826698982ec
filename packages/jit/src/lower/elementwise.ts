/** Kernels that work value by value, with broadcasting. */
import { add, binary, cast, div, mul, sub, unary } from "../build.ts";
import type { Graph, Value } from "../ir.ts";
import { attr, type Lowering, type LoweringTable, operand } from "./lowering.ts";

const twoOperands =
  (op: string): Lowering =>
  (call) =>
    binary(call.g, op, operand(call, "a"), operand(call, "b"));

const comparison =
  (op: string): Lowering =>
  (call) =>
    binary(call.g, op, operand(call, "a"), operand(call, "b"), "bool");

const oneOperand =
  (op: string, attrs = {}): Lowering =>
  (call) =>
    unary(call.g, op, operand(call, "x"), attrs);

/** A formula in other ops. */
const formula =
  (f: (g: Graph, x: Value) => Value): Lowering =>
  (call) =>
    f(call.g, operand(call, "x"));

/** 0 for x <= 0, 1 for x > 0 as one pass: a sigmoid so steep that no fp32 value above 1e-30 is inside its slope. */
const step: Lowering = (call) => {
  const { g } = call;
  const x = operand(call, "x");
  const alpha = attr<number | undefined>(call, "alpha") ?? 0;
  const positive = unary(g, "HardSigmoid", x, { alpha: 1e30, beta: 0 });
  return alpha === 0 ? positive : add(g, mul(g, positive, g.scalar(1 - alpha)), g.scalar(alpha));
};

const clip: Lowering = (call) => {
  const [min, max] = [attr<number>(call, "clipValueMin"), attr<number>(call, "clipValueMax")];
  return unary(call.g, "Clip", operand(call, "x"), { min, max });
};

export const elementwise = (): LoweringTable => ({
  Add: twoOperands("Add"),
  Sub: twoOperands("Sub"),
  Multiply: twoOperands("Mul"),
  RealDiv: twoOperands("Div"),
  Maximum: twoOperands("Max"),
  Minimum: twoOperands("Min"),
  Pow: twoOperands("Pow"),
  FloorDiv: (call) => {
    const [a, b] = [operand(call, "a"), operand(call, "b")].map((x) => cast(call.g, x, "float32")) as [Value, Value];
    return cast(call.g, unary(call.g, "Floor", div(call.g, a, b)), operand(call, "a").dtype);
  },
  SquaredDifference: (call) => {
    const difference = sub(call.g, operand(call, "a"), operand(call, "b"));
    return mul(call.g, difference, difference);
  },
  AddN: ({ g, inputs }) => Object.values(inputs).reduce((sum, x) => add(g, sum, x)),
  Prelu: (call) => {
    const [x, alpha] = [operand(call, "x"), operand(call, "alpha")];
    const positive = unary(call.g, "Relu", x);
    const negative = binary(call.g, "Min", x, call.g.scalar(0));
    return add(call.g, positive, mul(call.g, negative, alpha));
  },

  Greater: comparison("Greater"),
  GreaterEqual: comparison("GreaterOrEqual"),
  Less: comparison("Less"),
  LessEqual: comparison("LessOrEqual"),
  Equal: comparison("Equal"),
  NotEqual: (call) => {
    const equal = binary(call.g, "Equal", operand(call, "a"), operand(call, "b"), "bool");
    return unary(call.g, "Not", equal);
  },
  LogicalAnd: comparison("And"),
  LogicalOr: comparison("Or"),
  LogicalNot: oneOperand("Not"),

  Abs: oneOperand("Abs"),
  Neg: oneOperand("Neg"),
  Exp: oneOperand("Exp"),
  Expm1: formula((g, x) => sub(g, unary(g, "Exp", x), g.scalar(1))),
  Log: oneOperand("Log"),
  Log1p: formula((g, x) => unary(g, "Log", add(g, x, g.scalar(1)))),
  Sqrt: oneOperand("Sqrt"),
  Rsqrt: formula((g, x) => unary(g, "Reciprocal", unary(g, "Sqrt", x))),
  Square: formula((g, x) => mul(g, x, x)),
  Reciprocal: oneOperand("Reciprocal"),
  Sign: oneOperand("Sign"),
  Floor: oneOperand("Floor"),
  Ceil: oneOperand("Ceil"),
  Round: oneOperand("Round"),
  Sin: oneOperand("Sin"),
  Cos: oneOperand("Cos"),
  Tanh: oneOperand("Tanh"),
  Sigmoid: oneOperand("Sigmoid"),
  Erf: oneOperand("Erf"),
  Softplus: oneOperand("Softplus"),
  Elu: oneOperand("Elu"),
  Relu: oneOperand("Relu"),
  Relu6: oneOperand("Clip", { min: 0, max: 6 }),
  LeakyRelu: (call) => unary(call.g, "LeakyRelu", operand(call, "x"), { alpha: attr<number>(call, "alpha") }),
  ClipByValue: clip,
  Step: step,

  Identity: (call) => operand(call, "x"),
  Cast: (call) => {
    const to = attr<string>(call, "dtype");
    if (to !== "float32" && to !== "int32" && to !== "bool") throw new TypeError(`a cast to ${to}`);
    return cast(call.g, operand(call, "x"), to);
  },
  Select: (call) => {
    const { g } = call;
    const [t, e] = [operand(call, "t"), operand(call, "e")];
    const condition = operand(call, "condition");
    return g.add("Where", [condition, t, e], {}, t.shape, t.dtype);
  },
});
