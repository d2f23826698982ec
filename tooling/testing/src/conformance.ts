import { encodeSafetensors, readCheckpoint } from "@vitrail/checkpoint";
import {
  createModel,
  type ImageModel,
  inference,
  isCheckpointMismatch,
  loadModel,
  type ModelSpec,
  type ParamStore,
  trainingContext,
} from "@vitrail/layers";
import {
  createRng,
  mean,
  memory,
  type NamedTensor,
  type Scalar,
  type StateDict,
  square,
  type Tensor,
  type Tensor4D,
  tensor4d,
  tidy,
  variableGrads,
} from "@vitrail/tensor";
import { describe, expect, test } from "vitest";
import { onBackends } from "./backends.ts";
import { describeHeads } from "./conformance-heads.ts";
import { fillImage } from "./fill.ts";

export interface ConformanceOptions {
  /** Height and width of the test images. */
  readonly imageSize: readonly [number, number];
  /** An intermediate that the model must offer. */
  readonly intermediate: string;
}

type DropConfig = { readonly dropRate?: number; readonly dropPathRate?: number };

/**
 * What every model promises, whatever it computes: call it in the model's tests, with a small configuration.
 * Numbers are the goldens' business (see `compareWithGolden`).
 */
export function conformance<C extends DropConfig, M extends ImageModel>(
  spec: ModelSpec<C, M>,
  { imageSize: [height, width], intermediate }: ConformanceOptions,
): void {
  const images = (batch: number) =>
    tensor4d(fillImage("conformance", [batch, height, width, 3]), [batch, height, width, 3]);
  const logitsOf = (model: ImageModel, batch = 2): Float32Array =>
    tidy(() => model.forward(images(batch)).dataSync() as Float32Array).slice();
  const encode = (store: ParamStore) => encodeSafetensors(store.stateDict());
  const valuesOf = (store: ParamStore) =>
    new Map([...store.stateDict()].map(([name, t]) => [name, t.float32()] as const));
  const lossOf = (model: ImageModel, x: Tensor4D, ctx = inference) =>
    mean(square(model.forward(x, ctx) as Tensor)) as Scalar;
  const trainable = (model: ImageModel) =>
    [...model.params.named()].flatMap(([name, p]) => (p.trainable ? [{ name, variable: p.variable }] : []));

  const tests = () => {
    test("logits have the stated shape and are finite, and the parts make the whole", () => {
      const model = createModel(spec);
      tidy(() => {
        const x = images(2);
        const y = model.forward(x);
        expect(y.shape).toEqual([2, model.numClasses]);
        expect((y.dataSync() as Float32Array).every(Number.isFinite)).toBe(true);
        const features = model.forwardFeatures(x);
        expect(model.forwardHead(features).dataSync()).toEqual(y.dataSync());
        const pooled = model.pool(features);
        expect(pooled.shape).toEqual([2, model.numFeatures]);
        expect(model.forwardHead(features, inference, { preLogits: true }).dataSync()).toEqual(pooled.dataSync());
      });
      model.dispose();
    });

    test("an image's logits do not depend on the others of its batch", () => {
      const model = createModel(spec);
      const together = logitsOf(model, 2);
      const alone = logitsOf(model, 1);
      for (const [i, y] of alone.entries()) expect(Math.abs(y - (together[i] as number))).toBeLessThan(1e-5);
      model.dispose();
    });

    test("a forward pass leaks no tensor, and dispose returns memory to where it began", () => {
      const before = memory();
      const model = createModel(spec);
      const x = images(1);
      const built = memory().numTensors;
      for (let i = 0; i < 2; i++) model.forward(x).dispose();
      model.forwardFeatures(x).dispose();
      expect(memory().numTensors).toBe(built);
      const rng = createRng(1);
      model.forward(images(2), trainingContext(rng)).dispose();
      expect(memory().numTensors).toBe(built + 1); // the second batch
      x.dispose();
      model.dispose();
      model.dispose(); // twice does no harm
      expect(memory().numTensors).toBe(before.numTensors + 1);
    });

    test("every trainable parameter gets a finite gradient, in inference and in training, and nothing leaks", () => {
      const model = createModel(spec);
      const parameters = trainable(model);
      for (const ctx of [inference, trainingContext(createRng(3))]) {
        const before = memory().numTensors;
        tidy(() => {
          const { grads } = variableGrads(
            () => lossOf(model, images(2), ctx),
            parameters.map((p) => p.variable),
          );
          const without = parameters.filter(({ variable }) => !grads[variable.name]).map((p) => p.name);
          expect(without).toEqual([]);
          for (const { name, variable } of parameters) {
            const values = (grads[variable.name] as Tensor).dataSync() as Float32Array;
            expect(values.every(Number.isFinite), name).toBe(true);
            expect(
              values.some((g) => g !== 0),
              `${name} has a gradient that is not all zero`,
            ).toBe(true);
          }
        });
        expect(memory().numTensors).toBe(before);
      }
      model.dispose();
    });

    test("dropout and stochastic depth act in training only, and the same stream drops the same", () => {
      const model = createModel(spec, { config: { dropRate: 0.5, dropPathRate: 0.5 } as Partial<C> });
      const plain = createModel(spec);
      expect(logitsOf(model)).toEqual(logitsOf(plain));
      const run = (seed: number) =>
        tidy(() =>
          (
            model.forward(images(2), { ...trainingContext(createRng(seed)), update() {} }).dataSync() as Float32Array
          ).slice(),
        );
      expect(run(1)).toEqual(run(1));
      expect(run(1)).not.toEqual(run(2));
      expect(() => tidy(() => model.forward(images(2), { ...trainingContext(), update() {} }))).toThrow(
        /trainingContext/,
      );
      model.dispose();
      plain.dispose();
    });

    test("weights saved, loaded and saved again are equal byte for byte", () => {
      const model = createModel(spec, { seed: 4 });
      const first = encode(model.params);
      const again = loadModel(spec, readCheckpoint(first).tensors);
      expect(Buffer.compare(encode(again.params), first)).toBe(0);
      expect(logitsOf(again)).toEqual(logitsOf(model));
      model.dispose();
      again.dispose();
    });

    test("the seed alone decides the weights", () => {
      const models = [0, 0, 1].map((seed) => createModel(spec, { seed }));
      const [a, b, c] = models.map((m) => valuesOf(m.params)) as [
        Map<string, Float32Array>,
        ...Map<string, Float32Array>[],
      ];
      expect(b).toEqual(a);
      expect(c).not.toEqual(a);
      for (const m of models) m.dispose();
    });

    test("two models live side by side, and one's end is not the other's", () => {
      const [a, b] = [createModel(spec, { seed: 1 }), createModel(spec, { seed: 2 })];
      const before = logitsOf(b);
      expect(logitsOf(a)).not.toEqual(before);
      a.dispose();
      expect(logitsOf(b)).toEqual(before);
      b.dispose();
    });

    test("one error lists every missing, unread and mis-shaped parameter, and leaves no memory behind", () => {
      const model = createModel(spec);
      const dict = new Map<string, NamedTensor>(model.params.stateDict());
      const names = [...dict.keys()];
      const [gone, changed] = [names[0] as string, names.at(-2) as string];
      const values = new Map(
        [...dict].map(([name, t]) => [
          name,
          {
            ...t,
            float32: (
              (v) => () =>
                v
            )(t.float32()),
          },
        ]),
      );
      model.dispose();
      const wrong: Map<string, NamedTensor> = new Map(values);
      wrong.delete(gone);
      wrong.set(changed, { dtype: "F32", shape: [3, 1], float32: () => new Float32Array(3) });
      wrong.set("oops.weight", { dtype: "F32", shape: [1], float32: () => new Float32Array(1) });
      const before = memory();
      let error: unknown;
      try {
        loadModel(spec, wrong);
      } catch (thrown) {
        error = thrown;
      }
      expect(memory().numTensors).toBe(before.numTensors);
      if (!isCheckpointMismatch(error)) throw new Error(`expected a checkpoint mismatch, found ${error}`);
      expect(error.missing).toEqual([gone]);
      expect(error.unread).toEqual(["oops.weight"]);
      expect(error.misshaped).toEqual([
        `parameter ${changed}: expected shape [${values.get(changed)?.shape.join(", ")}], found [3, 1]`,
      ]);
      for (const name of [gone, changed, "oops.weight"]) expect(error.message).toContain(name);

      const counted: StateDict = new Map([
        ...values,
        ["bn1.num_batches_tracked", { dtype: "I64", shape: [], float32: () => new Float32Array(1) }],
      ]);
      loadModel(spec, counted).dispose();
    });

    test("intermediates have unique names, are the caller's, and an unknown name is an error that lists the known", () => {
      const model = createModel(spec);
      const names: string[] = [];
      const x = images(1);
      model.forward(x, { ...inference, tap: (name) => names.push(name) }).dispose();
      expect(new Set(names).size).toBe(names.length);
      expect(names).toContain(intermediate);
      const before = memory().numTensors;
      const found = model.intermediates(x, [intermediate, spec.head]);
      expect(memory().numTensors).toBe(before + 2);
      expect(found[spec.head]?.dataSync()).toEqual(logitsOf(model, 1));
      for (const t of Object.values(found)) t.dispose();
      tidy(() => {
        model.intermediates(x, [intermediate]);
      });
      expect(() => model.intermediates(x, ["no.such.layer"])).toThrow(new RegExp(`no.such.layer.*${spec.head}`));
      expect(memory().numTensors).toBe(before);
      x.dispose();
      model.dispose();
    });

    describeHeads(spec, images, logitsOf);
  };

  describe(`${spec.name} keeps the promises of every model`, () => onBackends(["cpu", "tfjs-node"], tests, ":"));
}
