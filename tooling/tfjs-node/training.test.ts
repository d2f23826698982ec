import { expectClose, maxRelativeError } from "@repo/testing";
import { findTfjsNode } from "@repo/tfjs-node";
import { createModel, type ImageModel, type ModelSpec, trainingContext } from "@vitrail/layers";
import { ResNet, resnet18, resnet50 } from "@vitrail/resnet";
import {
  createRng,
  type Tensor,
  tensor,
  tensor1d,
  tensor4d,
  tidy,
  useBackend,
  type Variable,
  variableGrads,
} from "@vitrail/tensor";
import { adamW, crossEntropy, initialState, type Named, type OptimizerState, optimizerStep } from "@vitrail/train";
import { hybridSpec, vit_tiny_patch16_224 } from "@vitrail/vit";
import { describe, expect, test } from "vitest";

const { module, reason } = findTfjsNode();
const onCpu = () => useBackend("cpu");
const onTfjsNode = () => useBackend("tfjs-node", { nativeModule: module as string });

const drops = { dropRate: 0.2, dropPathRate: 0.3 };
const small = { embedDim: 24, depth: 2, numHeads: 3, mlpRatio: 4, numClasses: 5, ...drops };
const models = {
  basic: { ...resnet18, config: { block: "basic", layers: [2, 1, 1, 1], width: 4, numClasses: 5, ...drops } },
  bottleneck: { ...resnet50, config: { block: "bottleneck", layers: [1, 2, 1, 1], width: 3, numClasses: 5, ...drops } },
  vit: { ...vit_tiny_patch16_224, config: { ...small, imgSize: [48, 40], patchSize: 8 } },
  hybrid: hybridSpec(
    "hybrid",
    {
      ...small,
      imgSize: [48, 40],
      patchSize: 1,
      backbone: (p) => new ResNet(p, { block: "basic", layers: [1, 1, 1], width: 4, numClasses: 0 }),
    },
    resnet18.preprocess,
  ),
} as unknown as Record<string, ModelSpec<object, ImageModel>>;

type Values = Record<string, Float32Array>;
const valuesOf = (tensors: Named): Values =>
  Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, (t.dataSync() as Float32Array).slice()]));
const tensorOf = (values: Float32Array, like: Tensor): Tensor => tensor(values, like.shape);
const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));

/** One step's loss, gradients and running statistics, on the backend that runs now; the model stays as it is. */
function slopes(model: ImageModel, step: number): { loss: number; gradients: Values; statistics: Values } {
  const named = [...model.params.named()];
  const nameOf = new Map(named.map(([name, { variable }]) => [variable, name] as const));
  const statistics: Values = {};
  return tidy(() => {
    const ctx = {
      ...trainingContext(createRng(7).at(step)),
      update: (buffer: Variable, value: Tensor) =>
        void Object.assign(statistics, valuesOf({ [nameOf.get(buffer) as string]: value })),
    };
    const images = tensor4d(createRng(step).normal(4 * 48 * 40 * 3), [4, 48, 40, 3]);
    const labels = tensor1d([0, 1, 2, step % 5], "int32");
    const trained = named.filter(([, p]) => p.trainable);
    const { value, grads } = variableGrads(
      () => crossEntropy(model.forward(images, ctx) as never, labels),
      trained.map(([, p]) => p.variable),
    );
    const gradients = trained.map(([name, { variable }]) => [name, grads[variable.name] as Tensor] as const);
    return { loss: value.dataSync()[0] as number, gradients: valuesOf(Object.fromEntries(gradients)), statistics };
  });
}

describe.skipIf(!module)(
  `ten training steps on tfjs-node, each from cpu's state, equal cpu's${reason ? ` (${reason})` : ""}`,
  () => {
    test.each(Object.keys(models))("%s", async (name) => {
      await onCpu();
      const model = createModel(models[name] as (typeof models)[string], { seed: 5 });
      const trained = [...model.params.named()].filter(([, p]) => p.trainable);
      const variables: Record<string, Variable> = Object.fromEntries(trained.map(([key, p]) => [key, p.variable]));
      const optimizer = adamW({ lr: 1e-3 });
      let state: OptimizerState = initialState(optimizer, variables);
      for (let step = 0; step < 10; step++) {
        await onTfjsNode();
        const ours = slopes(model, step);
        await onCpu();
        const theirs = slopes(model, step);
        expect(Math.abs(ours.loss - theirs.loss), `the loss of step ${step}`).toBeLessThan(1e-5);
        const total = norm(Object.values(theirs.gradients).map(norm));
        for (const [key, expected] of Object.entries(theirs.gradients)) {
          const difference = norm(expected.map((v, i) => v - (ours.gradients[key]?.[i] as number)));
          // An attention's key bias has no slope at all.
          expect(difference / Math.max(norm(expected), 1e-4 * total), `${key} of step ${step}`).toBeLessThan(1e-4);
        }
        expect(Object.keys(ours.statistics)).toEqual(Object.keys(theirs.statistics));
        for (const [key, expected] of Object.entries(theirs.statistics)) {
          expect(
            maxRelativeError(ours.statistics[key] as Float32Array, expected),
            `${key} of step ${step}`,
          ).toBeLessThan(1e-5);
        }

        const advance = () => {
          const gradients = tidy(() =>
            Object.fromEntries(
              trained.map(([key, { variable }]) => [key, tensorOf(theirs.gradients[key] as Float32Array, variable)]),
            ),
          );
          const next = optimizerStep(optimizer, variables, gradients, state);
          for (const gradient of Object.values(gradients)) gradient.dispose();
          return next;
        };
        await onTfjsNode();
        const moved = advance();
        const found = valuesOf(moved.parameters);
        await onCpu();
        const next = advance();
        for (const [key, value] of Object.entries(next.parameters)) {
          expectClose(found[key] as Float32Array, value.dataSync(), 1e-6, `${key} after step ${step}`);
          variables[key]?.assign(value);
          value.dispose();
        }
        for (const t of Object.values(moved.parameters)) t.dispose();
        for (const { slots } of [moved.state, state])
          for (const slot of Object.values(slots)) for (const t of Object.values(slot)) t.dispose();
        state = next.state;
        for (const [key, p] of model.params.named()) {
          const value = theirs.statistics[key];
          if (value) tidy(() => p.variable.assign(tensorOf(value, p.variable)));
        }
      }
      model.dispose();
    });
  },
);
