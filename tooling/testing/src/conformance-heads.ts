import {
  createModel,
  type ImageModel,
  initParams,
  Linear,
  loadModel,
  type ModelSpec,
  Sequential,
} from "@vitrail/layers";
import { memory, type Tensor4D, tidy } from "@vitrail/tensor";
import { expect, test } from "vitest";

/** The part of the conformance suite about classifiers: new ones, other ones, none. */
export function describeHeads<C, M extends ImageModel>(
  spec: ModelSpec<C, M>,
  images: (batch: number) => Tensor4D,
  logitsOf: (model: ImageModel, batch?: number) => Float32Array,
): void {
  test("resetHead shares the backbone under a new classifier, and either model can go first", () => {
    for (const first of ["old", "new"]) {
      const before = memory().numTensors;
      const old = createModel(spec, { seed: 5 });
      const logits = logitsOf(old);
      const renewed = old.resetHead(3, { seed: 6 });
      expect(renewed.numClasses).toBe(3);
      const mine = renewed.params.named();
      for (const [name, { variable }] of old.params.named()) {
        if (name.startsWith(`${spec.head}.`)) expect(mine.get(name)?.variable).not.toBe(variable);
        else expect(mine.get(name)?.variable).toBe(variable);
      }
      const other = logitsOf(renewed);
      expect(other.length).toBe(6);
      (first === "old" ? old : renewed).dispose();
      if (first === "old") expect(logitsOf(renewed)).toEqual(other);
      else expect(logitsOf(old)).toEqual(logits);
      (first === "old" ? renewed : old).dispose();
      expect(memory().numTensors - before).toBe(0);
    }
  });

  test("any module can be the head: built under the head's name, or brought along with its parameters", () => {
    const old = createModel(spec);
    const start = memory().numTensors;
    const built = old.resetHead((p, dim) => new Sequential(new Linear(p.at(0), dim, 4), new Linear(p.at(1), 4, 2)));
    expect(built.numClasses).toBe(2);
    expect([...built.params.named().keys()]).toContain(`${spec.head}.1.weight`);
    const params = initParams(1);
    const linear = new Linear(params, old.numFeatures, 7);
    const brought = old.resetHead({ params, forward: (x, ctx) => linear.forward(x, ctx) });
    expect(brought.numClasses).toBe(7);
    expect(brought.params.named().get(`${spec.head}.weight`)?.variable).toBe(linear.weight);
    expect(logitsOf(brought).length).toBe(14);
    const found = tidy(() => Object.keys(brought.intermediates(images(1), [spec.head])));
    expect(found).toEqual([spec.head]);
    brought.dispose();
    built.dispose();
    params.dispose();
    expect(memory().numTensors).toBe(start);
    old.dispose();
  });

  test("without a classifier the pooled features are the answer", () => {
    const old = createModel(spec);
    const bare = old.resetHead(0);
    tidy(() => {
      const x = images(1);
      expect(bare.numClasses).toBe(0);
      expect(bare.forward(x).dataSync()).toEqual(old.pool(old.forwardFeatures(x)).dataSync());
    });
    expect([...bare.params.named().keys()].some((name) => name.startsWith(`${spec.head}.`))).toBe(false);
    old.dispose();
    bare.dispose();
  });

  test("asked for another number of classes, a load brings a new head and says so once", () => {
    const model = createModel(spec);
    const dict = model.params.stateDict();
    const notes: string[] = [];
    const onFreshHead = (note: string) => notes.push(note);
    const same = loadModel(spec, dict, { numClasses: model.numClasses, onFreshHead });
    expect(notes).toEqual([]);
    expect(logitsOf(same)).toEqual(logitsOf(model));
    const other = loadModel(spec, dict, { numClasses: 3, onFreshHead });
    expect(notes.length).toBe(1);
    expect(notes[0]).toContain(`${model.numClasses} classes`);
    expect(other.numClasses).toBe(3);
    const five = other.params.stateDict();
    // One linear layer, or one for each part of a fusion.
    for (const [name, { shape }] of dict) {
      if (!name.startsWith(`${spec.head}.`) || !name.endsWith("weight")) continue;
      const [classes, features] = shape;
      expect(classes).toBe(model.numClasses);
      expect(() => loadModel(spec, five)).toThrow(
        `parameter ${name}: expected shape [${classes}, ${features}], found [3, ${features}]`,
      );
    }
    for (const m of [model, same, other]) m.dispose();
  });
}
