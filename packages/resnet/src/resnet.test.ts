import { compareWithGolden, conformance, goldens, onBackends, parameterShapes, worst } from "@repo/testing";
import { createModel, inference, initParams, loadModel, summarize, type WeightsSpec } from "@vitrail/layers";
import { memory, type Tensor4D, tidy, useBackend, zeros } from "@vitrail/tensor";
import { describe, expect, test } from "vitest";
import { ResNet, resnet18, resnet20_cifar, resnet50, resnet110_cifar, resnetModels, resnetStages } from "./index.ts";

const file = (name: string) => goldens(new URL(`./__goldens__/${name}.safetensors`, import.meta.url));

/** The networks of tooling/goldens/resnet.py. */
const small = {
  basic: { ...resnet18, name: "basic", config: { block: "basic", layers: [2, 1, 1, 1], width: 4, numClasses: 5 } },
  bottleneck: {
    ...resnet50,
    name: "bottleneck",
    config: { block: "bottleneck", layers: [1, 2, 1, 1], width: 3, numClasses: 5 },
  },
  cifar: { ...resnet20_cifar, name: "cifar", config: { blocks: 2, width: 4, numClasses: 10 } },
} as const;

conformance(small.basic, { imageSize: [48, 40], intermediate: "layer2.0.downsample" });
conformance(small.bottleneck, { imageSize: [48, 40], intermediate: "layer3.0.conv3" });
conformance(small.cifar, { imageSize: [16, 16], intermediate: "layer2" });

const againstTorch = () => {
  for (const spec of Object.values(small)) {
    for (const mode of ["eval", "train"] as const) {
      test(`${spec.name} in ${mode} mode: logits, intermediates, gradients and statistics are within 1e-5`, () => {
        const model = loadModel(spec as never, file(`${spec.name}.params`).tensors);
        const parity = compareWithGolden(model, file(`${spec.name}.${mode}`), { training: mode === "train" });
        expect(worst(parity.taps).error, worst(parity.taps).name).toBeLessThan(1e-5);
        expect(parity.logits).toBeLessThan(1e-5);
        expect(parity.loss).toBeLessThan(1e-5);
        expect(parity.withoutGradient).toEqual([]);
        expect(worst(parity.gradients).error, worst(parity.gradients).name).toBeLessThan(1e-5);
        expect(worst(parity.updates).error, worst(parity.updates).name).toBeLessThan(1e-5);
        model.dispose();
      });
    }
  }
};
onBackends(["cpu", "tfjs-node"], againstTorch, ", against torchvision and the reference trainer in float64");

describe("the table of models", () => {
  const isLearned = (name: string) => !/running_(mean|var)$/.test(name);
  const count = (shapes: Iterable<readonly [string, readonly number[]]>) =>
    [...shapes].filter(([name]) => isLearned(name)).reduce((n, [, s]) => n + s.reduce((a, b) => a * b, 1), 0);

  test("every entry has its own name, and the number of parameters that its checkpoints state", () => {
    for (const [name, spec] of Object.entries(resnetModels)) {
      expect(spec.name).toBe(name);
      const params = count(parameterShapes(spec as typeof resnet18));
      for (const [tag, weights] of Object.entries<WeightsSpec>(spec.weights)) {
        expect(weights.tag).toBe(tag);
        expect(weights.hubId).toBe(`timm/${name}.${tag}`);
        expect(weights.params, name).toBe(params);
      }
    }
  });

  test("the networks for CIFAR have the paper's sizes", () => {
    // 0.27 M and 1.7 M: table 6 of the paper.
    expect(count(parameterShapes(resnet20_cifar as never))).toBe(269_722);
    expect(count(parameterShapes(resnet110_cifar as never))).toBe(1_727_962);
  });

  test("resnet50 is 25.56 M parameters and 4.11 GMACs, as timm counts", async () => {
    await useBackend("wasm");
    const model = createModel(resnet50);
    const { params, gmacs, rows } = summarize(model, [224, 224, 3]);
    expect(params).toBe(25_557_032);
    expect(gmacs).toBeCloseTo(4.11, 2);
    expect(rows[0]).toEqual({
      name: "conv1",
      kind: "Conv2d",
      outputShape: [1, 112, 112, 64],
      params: 64 * 3 * 49,
      macs: 112 * 112 * 64 * 3 * 49,
    });
    model.dispose();
  });
});

describe("a ResNet cut after a stage", () => {
  test("gives the features of that stage, with the same names", async () => {
    await useBackend("cpu");
    const before = memory().numTensors;
    const whole = createModel(small.basic, { seed: 3 });
    const cut = loadModel(small.basic, whole.params.stateDict(), {
      config: resnetStages(small.basic.config, 3),
      ignore: (name) => /^(layer4|fc)\./.test(name),
    });
    expect(cut.reduction).toBe(16);
    tidy(() => {
      const x: Tensor4D = zeros([1, 48, 40, 3]);
      expect(cut.forwardFeatures(x).dataSync()).toEqual(whole.intermediates(x, ["layer3"]).layer3?.dataSync());
      expect(cut.forward(x).shape).toEqual([1, cut.numFeatures]);
    });
    whole.dispose();
    cut.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test("cannot have more stages than there are, or none", () => {
    expect(() => resnetStages(resnet18.config, 5)).toThrow("stages: expected 1 to 4, found 5");
    expect(() => resnetStages(resnet18.config, 0)).toThrow("stages: expected 1 to 4, found 0");
  });
});

describe("options", () => {
  test("zeroInitResidual starts each block as the identity", async () => {
    await useBackend("cpu");
    const params = initParams(0);
    const model = new ResNet(params, { ...small.bottleneck.config, zeroInitResidual: true });
    tidy(() => {
      const taps = new Map<string, Float32Array>();
      const ctx = {
        ...inference,
        tap: (name: string, t: { dataSync(): unknown }) => taps.set(name, t.dataSync() as Float32Array),
      };
      model.forward(zeros([1, 32, 32, 3]), ctx);
      expect(taps.get("layer2.1")).toEqual(taps.get("layer2.0"));
    });
    model.dispose();
  });

  test("a stage without a block is refused", () => {
    const params = initParams(0);
    expect(() => new ResNet(params, { ...small.basic.config, layers: [1, 0] })).toThrow(
      "layers: expected at least one",
    );
    params.dispose();
  });
});
