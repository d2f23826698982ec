import { expectClose, goldens, goldenTensor, onBackends } from "@repo/testing";
import { cast, grad, type Tensor, type Tensor1D, type Tensor2D, tensor, tensor1d, tensor2d } from "@vitrail/tensor";
import { describe, expect, test } from "vitest";
import { binaryCrossEntropy, crossEntropy, hardDistillation, softDistillation, withTeacher } from "../index.ts";

const open = (name: string) => {
  const file = goldens(new URL(`../__goldens__/${name}.safetensors`, import.meta.url));
  const values = (key: string) => goldenTensor(file, key).float32();
  const read = (key: string): Tensor => tensor(values(key), [...goldenTensor(file, key).shape]);
  return { values, read, labels: () => cast(read("labels"), "int32") as Tensor1D };
};

const expectLoss = (
  { values, read }: ReturnType<typeof open>,
  name: string,
  logits: string,
  f: (x: Tensor2D) => Tensor,
) => {
  const x = read(logits) as Tensor2D;
  expectClose(f(x).dataSync(), values(`${name}.loss`), 1e-6);
  expectClose(grad(f)(x).dataSync(), values(`${name}.grad`), 1e-6);
};

const crossEntropies = () => {
  const golden = open("losses");
  test.each([
    ["hard", {}],
    ["hard-smoothed", { labelSmoothing: 0.1 }],
    ["hard-weighted", { weighted: true }],
    ["hard-weighted-smoothed", { weighted: true, labelSmoothing: 0.2 }],
    ["soft", {}],
    ["soft-smoothed", { labelSmoothing: 0.1 }],
    ["soft-weighted", { weighted: true }],
  ] as const)("%s", (name, options) => {
    const target = name.startsWith("hard") ? golden.labels() : (golden.read("soft") as Tensor2D);
    const { weighted, ...rest } = options as { labelSmoothing?: number; weighted?: boolean };
    const settings = { ...rest, ...(weighted ? { weight: golden.read("weight") as Tensor1D } : {}) };
    expectLoss(golden, name, "logits", (x) => crossEntropy(x, target, settings));
  });

  test("refuses targets that do not fit", () => {
    const logits = tensor2d([[1, 2]]);
    expect(() => crossEntropy(logits, tensor1d([1, 2], "int32"))).toThrow("expected targets [1] or [1, 2], found [2]");
    expect(() => crossEntropy(logits, tensor1d([1]))).toThrow("type int32, found float32");
    expect(() => crossEntropy(logits, tensor1d([1], "int32"), { labelSmoothing: 2 })).toThrow("0 to 1, found 2");
  });
};

const binary = () => {
  const golden = open("binary-losses");
  test.each([
    ["hard", {}],
    ["hard-smoothed", { labelSmoothing: 0.1 }],
    ["hard-smoothed-sum", { labelSmoothing: 0.1, sumClasses: true }],
    ["mixed", { labelSmoothing: 0.1 }],
    ["mixed-threshold", { targetThreshold: 0.2 }],
    ["mixed-weighted", { weighted: true }],
    ["hard-weighted-sum", { labelSmoothing: 0.1, weighted: true, sumClasses: true }],
  ] as const)("%s", (name, options) => {
    const target = name.startsWith("hard") ? golden.labels() : (golden.read("mixed") as Tensor2D);
    const { weighted, ...rest } = options as { weighted?: boolean };
    const weights = {
      weight: golden.read("weight") as Tensor1D,
      posWeight: golden.read("pos_weight") as Tensor1D,
    };
    expectLoss(golden, name, "logits", (x) => binaryCrossEntropy(x, target, { ...rest, ...(weighted ? weights : {}) }));
  });

  test("refuses targets that do not fit", () => {
    expect(() => binaryCrossEntropy(tensor2d([[1, 2]]), tensor1d([1]))).toThrow(
      "binaryCrossEntropy: expected class numbers of type int32, found float32",
    );
  });
};

const distillation = () => {
  const golden = open("distillation");
  const teacher = () => golden.read("teacher") as Tensor2D;
  const task = (x: Tensor2D) => crossEntropy(x, golden.labels());
  const soft = { temperature: 4, taskLossWeight: 0.3 };
  const hard = { kind: "hard", distillLossWeight: 0.5 } as const;
  const extras = () => ({ teacher: teacher() });
  const cases: Record<string, (x: Tensor2D) => Tensor> = {
    soft: (x) => softDistillation(x, teacher()),
    "soft-4": (x) => softDistillation(x, teacher(), { temperature: 4 }),
    hard: (x) => hardDistillation(x, teacher()),
    "task-soft": (x) => withTeacher(task, soft)(x, golden.labels(), extras()),
    "task-hard": (x) => withTeacher(task, hard)(x, golden.labels(), extras()),
  };
  test.each(Object.entries(cases))("%s", (name, f) => expectLoss(golden, name, "student", f));

  test("refuses a teacher of other classes, no teacher, and a temperature of nothing", () => {
    const [one, two] = [tensor2d([[1, 2]]), tensor2d([[1, 2, 3]])];
    expect(() => softDistillation(one, two)).toThrow("expected the teacher's logits [1, 2], found [1, 3]");
    expect(() => hardDistillation(one, two)).toThrow("it must know the same classes");
    expect(() => softDistillation(one, one, { temperature: 0 })).toThrow("more than 0, found 0");
    expect(() => withTeacher(crossEntropy)(one, tensor1d([0], "int32"), {})).toThrow("among the extras, found none");
  });
};

onBackends(["cpu", "wasm", "tfjs-node"], () => {
  describe("crossEntropy equals torch's, gradients too", crossEntropies);
  describe("binaryCrossEntropy equals timm's, gradients too, at logits of zero as well", binary);
  describe("distillation equals timm's and DeiT's, gradients too", distillation);
});
