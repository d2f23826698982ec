import type { Checkpoint } from "@vitrail/checkpoint";
import { type Context, type ImageModel, inference, invertPermutation, permuteValues } from "@vitrail/layers";
import {
  logSoftmax,
  mean,
  mul,
  oneHot,
  type Scalar,
  sum,
  type Tensor,
  type Tensor1D,
  tensor,
  tensor4d,
  tidy,
  type Variable,
  variableGrads,
} from "@vitrail/tensor";
import { maxRelativeError } from "./close.ts";
import { fillImage } from "./fill.ts";
import { goldenTensor, sample } from "./goldens.ts";

/** Errors of a model against a golden. */
export interface Parity {
  /** Of the logits, against their largest magnitude. */
  readonly logits: number;
  readonly loss: number;
  /** Of each recorded intermediate, in the order of the pass: the first large one names the wrong block. */
  readonly taps: ReadonlyMap<string, number>;
  /** Golden intermediates that the model does not tap. */
  readonly untapped: readonly string[];
  /** Of each parameter's gradient: ‖difference‖ / max(‖gradient‖, floor). */
  readonly gradients: ReadonlyMap<string, number>;
  /** Parameters of the model for which the golden has no gradient. */
  readonly withoutGradient: readonly string[];
  /** Of each new running statistic. */
  readonly updates: ReadonlyMap<string, number>;
}

const norm = (values: ArrayLike<number>) => {
  let square = 0;
  for (let i = 0; i < values.length; i++) square += (values[i] as number) ** 2;
  return Math.sqrt(square);
};

/**
 * Runs `model` on a golden's input and compares everything the golden has, gradients of the mean cross entropy included.
 *
 * A gradient's error is relative to its Frobenius norm, with a floor of 1e-4 of the whole gradient's norm: the gradient
 * of an attention's key bias, for one, is zero in exact arithmetic.
 */
export function compareWithGolden(model: ImageModel, golden: Checkpoint, { training = false } = {}): Parity {
  const read = (name: string) => goldenTensor(golden, name).float32();
  const named = model.params.named();
  const nameOf = new Map([...named].map(([name, { variable }]) => [variable, name] as const));
  const taps = new Map<string, number>();
  const seen = new Set<string>();
  const updates = new Map<string, number>();
  const ctx: Context = {
    ...inference,
    training,
    tap(name, value) {
      seen.add(name);
      const expected = golden.tensors.get(`tap.${name}`);
      if (!expected) return;
      // torchvision's avgpool keeps its 1 x 1 map: one channel a row, as ours is one row.
      const channels = value.shape.at(-1) as number;
      taps.set(name, maxRelativeError(sample(value.dataSync(), channels), expected.float32()));
    },
    update(buffer: Variable, value: Tensor) {
      const name = nameOf.get(buffer) as string;
      updates.set(name, maxRelativeError(value.dataSync(), read(`update.${name}`)));
    },
  };

  const { image, shape } = golden.metadata as { image: string; shape: string };
  const dims: [number, number, number, number] = JSON.parse(shape);
  const x = tensor4d(fillImage(image, dims), dims);
  const labels = tensor(read("labels"), undefined, "int32") as Tensor1D;
  let logits: Float32Array = new Float32Array();
  const trainable = [...named.values()].filter((p) => p.trainable).map((p) => p.variable);
  const { value, grads } = variableGrads(() => {
    const y = model.forward(x, ctx);
    logits = y.dataSync() as Float32Array;
    return crossEntropy(y, labels);
  }, trainable);

  const expected = [...named].filter(([, p]) => p.trainable);
  const total = norm(expected.map(([name]) => (golden.tensors.has(`grad.${name}`) ? norm(read(`grad.${name}`)) : 0)));
  const gradients = new Map<string, number>();
  const withoutGradient: string[] = [];
  const byVariable = new Map(trainable.map((v) => [v, grads[v.name] as Tensor] as const));
  for (const [name, { variable, permute }] of expected) {
    const grad = byVariable.get(variable);
    if (!grad || !golden.tensors.has(`grad.${name}`)) {
      withoutGradient.push(name);
      continue;
    }
    const held = grad.dataSync() as Float32Array;
    const ours = permute ? permuteValues(held, grad.shape, invertPermutation(permute)) : held;
    const theirs = read(`grad.${name}`);
    const difference = norm(theirs.map((g, i) => g - (ours[i] as number)));
    gradients.set(name, difference / Math.max(norm(theirs), 1e-4 * total));
  }
  const result: Parity = {
    logits: maxRelativeError(logits, read("logits")),
    loss: maxRelativeError(value.dataSync(), read("loss")),
    taps,
    untapped: [...golden.tensors.keys()].filter((n) => n.startsWith("tap.") && !seen.has(n.slice(4))),
    gradients,
    withoutGradient,
    updates,
  };
  for (const t of [x, labels, value, ...Object.values(grads)]) t.dispose();
  return result;
}

/** The mean cross entropy of [B, C] logits against [B] class indices. */
export function crossEntropy(logits: Tensor, labels: Tensor1D): Scalar {
  return tidy(() => {
    const truth = oneHot(labels, logits.shape[1] as number);
    return mul(mean(sum(mul(logSoftmax(logits), truth), 1)), -1) as Scalar;
  });
}

/** The largest of some errors, with its name. */
export function worst(errors: ReadonlyMap<string, number>): { name: string; error: number } {
  let found = { name: "", error: 0 };
  for (const [name, error] of errors) if (!(error <= found.error)) found = { name, error };
  return found;
}
