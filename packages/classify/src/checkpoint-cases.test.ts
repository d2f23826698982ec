import { readFileSync } from "node:fs";
import { encodeSafetensors, readCheckpoint, type TensorSource } from "@vitrail/checkpoint";
import { resnet20_cifar, resnetModels } from "@vitrail/resnet";
import { tensor4d } from "@vitrail/tensor";
import { expect, test } from "vitest";
import { createClassifier, load } from "./index.ts";

const url = new URL("../../weights-fashion-mnist/model.safetensors", import.meta.url);
const box = readCheckpoint(new Uint8Array(readFileSync(url))).tensors;
const counters = (): [string, TensorSource][] =>
  [...box.keys()]
    .filter((name) => name.endsWith("running_mean"))
    .map((name) => [
      name.replace("running_mean", "num_batches_tracked"),
      { dtype: "I64", shape: [], bytes: new Uint8Array(new BigInt64Array([7n]).buffer) },
    ]);
const plain = [...box].filter(([name]) => !name.endsWith("num_batches_tracked"));
const saved = (tensors: Iterable<readonly [string, TensorSource]>) => ({
  model: encodeSafetensors(tensors),
  id: "case",
});

async function logits(tensors: Iterable<readonly [string, TensorSource]>): Promise<number[]> {
  const model = await load(resnet20_cifar, saved(tensors));
  const x = tensor4d(
    Float32Array.from({ length: 32 * 32 * 3 }, (_, i) => Math.sin(i)),
    [1, 32, 32, 3],
  );
  const y = model.forward(x);
  const values = [...(await y.data())] as number[];
  model.dispose();
  x.dispose();
  y.dispose();
  return values;
}

test("batch counters that a checkpoint lacks, or has beyond the model, change no bit (pytorch#8481)", async () => {
  expect(counters().length).toBeGreaterThan(10);
  expect(await logits([...plain, ...counters()])).toEqual(await logits(plain));
  const cut = plain.filter(([name]) => name !== "bn1.running_var");
  await expect(load(resnet20_cifar, saved([...cut, ...counters()]))).rejects.toMatchObject({
    code: "checkpoint-mismatch",
    missing: ["bn1.running_var"],
    unread: [],
  });
});

test("a head of another size gives way where classes are asked for, said once; any other shape is an error (InternImage#297)", async () => {
  const notes: string[] = [];
  const model = await load(resnet20_cifar, saved(plain), { numClasses: 4, onNote: (note) => notes.push(note) });
  expect(model.numClasses).toBe(4);
  expect(notes).toEqual([expect.stringMatching(/classifier of 10 classes; fc is new and untrained, with 4 classes/)]);
  model.dispose();
  const grey = plain.map(([name, t]): [string, TensorSource] =>
    name === "conv1.weight" ? [name, { shape: [16, 1, 3, 3], float32: () => new Float32Array(144) }] : [name, t],
  );
  await expect(load(resnet20_cifar, saved(grey), { numClasses: 4 })).rejects.toMatchObject({
    code: "checkpoint-mismatch",
    misshaped: ["parameter conv1.weight: expected shape [16, 3, 3, 3], found [16, 1, 3, 3]"],
    missing: [],
    unread: [],
  });
});

test("a bare checkpoint without a model's name says what it looks like", async () => {
  await expect(createClassifier({ models: resnetModels, weights: saved(plain) })).rejects.toMatchObject({
    code: "no-model",
    message: expect.stringMatching(/--model NAME\); it looks like a ResNet \(resnet20_cifar: /),
  });
});
