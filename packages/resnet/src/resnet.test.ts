import {
  compareWithGolden,
  conformance,
  expectClose,
  fillImage,
  goldens,
  goldenTensor,
  onBackends,
  parameterShapes,
  worst,
} from "@repo/testing";
import { createModel, inference, initParams, loadModel, summarize, type WeightsSpec } from "@vitrail/layers";
import { memory, type Tensor4D, tensor4d, tidy, useBackend, zeros } from "@vitrail/tensor";
import { describe, expect, test } from "vitest";
import {
  CifarResNet,
  cifarBackbone,
  plain20_cifar,
  plain44_cifar,
  ResNet,
  resnet18,
  resnet20_cifar,
  resnet50,
  resnet110_cifar,
  resnetBackbone,
  resnetModels,
  resnetStages,
} from "./index.ts";

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
  plain: { ...plain20_cifar, name: "plain", config: { blocks: 1, width: 4, shortcuts: false, numClasses: 10 } },
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
    // Shortcuts of option A have no parameters: a plain network has the same names and shapes.
    for (const depth of [20, 32, 44, 56] as const) {
      const [plain, residual] = [resnetModels[`plain${depth}_cifar`], resnetModels[`resnet${depth}_cifar`]];
      expect(parameterShapes(plain as never)).toEqual(parameterShapes(residual as never));
    }
    expect(count(parameterShapes(plain44_cifar as never))).toBe(658_586);
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

  test("is a model of its own, which takes the whole network's checkpoint and no other's", async () => {
    await useBackend("cpu");
    const whole = createModel(small.basic, { seed: 3 });
    const spec = resnetBackbone(small.basic, 2);
    expect(spec.reduction).toBe(8);
    const cut = loadModel(spec, whole.params.stateDict());
    expect(cut.reduction).toBe(8);
    expect([...cut.params.named().keys()].some((name) => /^(layer3|fc)/.test(name))).toBe(false);
    loadModel(spec, cut.params.stateDict()).dispose();
    const extra = new Map(whole.params.stateDict()).set("layer5.0.conv1.weight", {
      dtype: "F32",
      shape: [1],
      float32: () => new Float32Array(1),
    });
    expect(() => loadModel(spec, extra)).toThrow("in the checkpoint but not in the model: layer5.0.conv1.weight");
    whole.dispose();
    cut.dispose();
  });

  test("cannot have more stages than there are, or none", () => {
    expect(() => resnetStages(resnet18.config, 5)).toThrow("stages: expected 1 to 4, found 5");
    expect(() => resnetStages(resnet18.config, 0)).toThrow("stages: expected 1 to 4, found 0");
  });
});

test("a network for CIFAR without its classifier takes the whole one's checkpoint, and gives its last map", async () => {
  await useBackend("cpu");
  const whole = createModel(small.cifar, { seed: 3 });
  const spec = cifarBackbone(small.cifar);
  const cut = loadModel(spec, whole.params.stateDict());
  expect([spec.reduction, cut.reduction, cut.numFeatures]).toEqual([4, 4, 16]);
  tidy(() => {
    const x: Tensor4D = zeros([1, 16, 12, 3]);
    expect(cut.forwardFeatures(x).shape).toEqual([1, 4, 3, 16]);
    expect(cut.forwardFeatures(x).dataSync()).toEqual(whole.forwardFeatures(x).dataSync());
  });
  loadModel(spec, cut.params.stateDict()).dispose();
  expect(() => loadModel(cifarBackbone(resnet110_cifar), whole.params.stateDict())).toThrow("layer1.2.conv1.weight");
  whole.dispose();
  cut.dispose();
});

describe("a checkpoint for images of other channels", () => {
  const golden = file("adapt");
  test.each([
    ["grey", 1],
    ["two", 2],
    ["five", 5],
  ] as const)(
    "%s: the first convolution and the logits are what timm makes of it, within 1e-5",
    async (name, inChans) => {
      await useBackend("cpu");
      const model = loadModel(small.basic, file("basic.params").tensors, { config: { inChans } });
      const expected = goldenTensor(golden, `${name}.conv1.weight`);
      const weight = model.params.stateDict().get("conv1.weight");
      expect(weight?.shape).toEqual(expected.shape);
      expectClose(weight?.float32() as Float32Array, expected.float32(), 1e-5);
      const shape: [number, number, number, number] = [2, 48, 40, inChans];
      const logits = tidy(() => model.forward(tensor4d(fillImage(`adapt.${name}`, shape), shape)).dataSync());
      expectClose(logits, goldenTensor(golden, `${name}.logits`).float32(), 1e-5);
      // Not asked for, it is an error that names both shapes.
      expect(() => loadModel(small.basic, model.params.stateDict())).toThrow(
        `parameter conv1.weight: expected shape [4, 3, 7, 7], found [4, ${inChans}, 7, 7]`,
      );
      model.dispose();
    },
  );

  test("the networks for CIFAR take them too", async () => {
    await useBackend("cpu");
    const model = loadModel(small.cifar, file("cifar.params").tensors, { config: { inChans: 1 }, numClasses: 3 });
    tidy(() => {
      expect(model.forward(zeros([1, 16, 16, 1])).shape).toEqual([1, 3]);
    });
    model.dispose();
  });
});

describe("the order of the layers", () => {
  const numbers = JSON.parse((file("adapt").metadata as { layers: string }).layers) as Record<
    string,
    Record<string, number>
  >;
  test.each([
    ["resnet18", resnet18, {}, {}],
    ["resnet18-coarse", resnet18, {}, { coarse: true }],
    ["resnet50-bare", resnet50, { numClasses: 0 }, {}],
  ] as const)("%s has timm's numbers", (name, spec, changes, options) => {
    const order = spec.layers?.({ ...spec.config, ...changes }, options);
    const expected = numbers[name] as Record<string, number>;
    expect(order?.numLayers).toBe(Math.max(...Object.values(expected)) + 1);
    for (const [parameter, id] of Object.entries(expected)) expect(order?.layerOf(parameter), parameter).toBe(id);
  });

  test("of the networks for CIFAR goes block by block", () => {
    const order = resnet20_cifar.layers?.(resnet20_cifar.config);
    expect(
      ["conv1.weight", "layer1.0.conv1.weight", "layer3.2.bn2.bias", "fc.bias"].map((n) => order?.layerOf(n)),
    ).toEqual([0, 1, 9, 10]);
    expect(order?.numLayers).toBe(11);
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

  test("stochastic depth needs shortcuts: without one, a dropped branch leaves nothing", () => {
    const params = initParams(0);
    expect(() => new CifarResNet(params, { ...small.plain.config, dropPathRate: 0.1 })).toThrow(
      "dropPathRate: expected 0 without shortcuts",
    );
    params.dispose();
  });

  test("a stage without a block is refused", () => {
    const params = initParams(0);
    expect(() => new ResNet(params, { ...small.basic.config, layers: [1, 0] })).toThrow(
      "layers: expected at least one",
    );
    params.dispose();
  });
});
