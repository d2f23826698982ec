import {
  add,
  argMax,
  exp,
  logSoftmax,
  mul,
  type Scalar,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  tidy,
} from "@vitrail/tensor";
import { crossEntropy } from "./cross-entropy.ts";

function checkTeacher(loss: string, student: Tensor2D, teacher: Tensor2D): void {
  if (student.shape[0] !== teacher.shape[0] || student.shape[1] !== teacher.shape[1]) {
    const [expected, found] = [student, teacher].map(({ shape }) => `[${shape.join(", ")}]`);
    throw new RangeError(
      `${loss}: expected the teacher's logits ${expected}, found ${found}: it must know the same classes`,
    );
  }
}

/**
 * "Distilling the Knowledge in a Neural Network", https://arxiv.org/abs/1503.02531: T² KL(teacher ‖ student), both softened by
 * the temperature, as a mean over the images. What timm's `LogitDistillationTask` adds to the task's loss; DeiT's own code
 * divides by the number of classes too.
 * @param student [B, K] logits
 * @param teacher [B, K] logits; no gradient is meant to flow there
 * @returns a scalar
 */
export function softDistillation(
  student: Tensor2D,
  teacher: Tensor2D,
  { temperature = 1 }: { /** Default 1. */ readonly temperature?: number } = {},
): Scalar {
  checkTeacher("softDistillation", student, teacher);
  if (!(temperature > 0))
    throw new RangeError(`softDistillation: temperature: expected more than 0, found ${temperature}`);
  return tidy(() => {
    const [s, t] = [student, teacher].map((logits) => logSoftmax(mul(logits, 1 / temperature)) as Tensor) as [
      Tensor,
      Tensor,
    ];
    const divergence = sum(mul(exp(t), sub(t, s)));
    return mul(divergence, temperature ** 2 / (student.shape[0] as number)) as Scalar;
  });
}

/**
 * DeiT's hard distillation, https://arxiv.org/abs/2012.12877: the cross-entropy with what the teacher says.
 * @param student [B, K] logits
 * @param teacher [B, K] logits
 * @returns a scalar
 */
export function hardDistillation(student: Tensor2D, teacher: Tensor2D): Scalar {
  checkTeacher("hardDistillation", student, teacher);
  return tidy(() => crossEntropy(student, argMax(teacher, 1) as Tensor1D));
}

/** (logits [B, K], targets) -> a scalar. */
export type Loss = (logits: Tensor2D, target: Tensor1D | Tensor2D) => Scalar;

/** Settings of {@link withTeacher}. */
export interface TeacherOptions {
  /** Default "soft". */
  readonly kind?: "soft" | "hard";
  /** Of soft distillation. Default 1. */
  readonly temperature?: number;
  /** Default 1. */
  readonly taskLossWeight?: number;
  /** Default: 1 − `taskLossWeight` where that is given, else 1. */
  readonly distillLossWeight?: number;
}

/**
 * A task's loss with a teacher's beside it, weighed as timm's `LogitDistillationTask` does. For a compiled step the teacher's
 * logits are one of its `extras`: `{ name: "teacher", shape: [batch, classes] }`.
 */
export function withTeacher(
  loss: Loss,
  { kind = "soft", temperature = 1, taskLossWeight, distillLossWeight }: TeacherOptions = {},
): (logits: Tensor2D, target: Tensor1D | Tensor2D, extras: { readonly teacher?: Tensor }) => Scalar {
  const task = taskLossWeight ?? 1;
  const share = distillLossWeight ?? (taskLossWeight === undefined ? 1 : 1 - taskLossWeight);
  return (logits, target, { teacher }) => {
    if (!teacher) throw new RangeError("withTeacher: expected the teacher's logits among the extras, found none");
    return tidy(() => {
      const known = teacher as Tensor2D;
      const distilled =
        kind === "hard" ? hardDistillation(logits, known) : softDistillation(logits, known, { temperature });
      return add(mul(loss(logits, target), task), mul(distilled, share)) as Scalar;
    });
  };
}
