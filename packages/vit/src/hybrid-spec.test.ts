import { conformance, expectClose } from "@repo/testing";
import { encodeSafetensors, readCheckpoint } from "@vitrail/checkpoint";
import { createModel, loadModel, type ModelSpec, summarize } from "@vitrail/layers";
import {
  cifarBackbone,
  type ResNet,
  type ResNetConfig,
  resnet18,
  resnet20_cifar,
  resnetBackbone,
} from "@vitrail/resnet";
import { memory, ones, type StateDict, type Tensor4D, tidy, useBackend } from "@vitrail/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import { type HybridViTConfig, hybridSpec, loadHybrid, vit_mini_r20_s4_32, vit_tiny_patch16_224 } from "./index.ts";

const sizes = { embedDim: 24, depth: 2, numHeads: 3, mlpRatio: 4, numClasses: 5 };
const resnet: ModelSpec<ResNetConfig, ResNet> = {
  ...resnet18,
  weights: {},
  config: { block: "basic", layers: [1, 1, 1, 1], width: 4, numClasses: 7 },
};
const vit = { ...vit_tiny_patch16_224, config: { ...sizes, imgSize: [64, 32], patchSize: 16 } } as const;
const config: HybridViTConfig = { ...sizes, imgSize: [64, 32], patchSize: 1, backbone: resnetBackbone(resnet, 3) };
const spec = hybridSpec("hybrid", config, vit.preprocess);

conformance(spec, { imageSize: [64, 32], intermediate: "patch_embed.backbone.layer2.0" });

describe("a hybrid of pretrained parts", () => {
  let backbone: StateDict;
  let encoder: StateDict;
  /** Values that outlive the models they are of. */
  const saved = (dict: StateDict) => readCheckpoint(encodeSafetensors(dict)).tensors;
  const made = (s: typeof vit | typeof resnet, seed: number): StateDict => {
    const model = createModel(s as never, { seed });
    const dict = saved(model.params.stateDict());
    model.dispose();
    return dict;
  };
  const values = (dict: StateDict, name: string) => dict.get(name)?.float32();

  beforeAll(async () => {
    await useBackend("cpu");
    backbone = made(resnet, 1);
    encoder = made(vit, 2);
  });

  test("takes the backbone from a whole network's checkpoint and the rest from a transformer's; the patches are new", () => {
    const before = memory().numTensors;
    const model = loadHybrid(spec, { backbone, encoder });
    const dict = model.params.stateDict();
    expect(values(dict, "patch_embed.backbone.layer3.0.conv1.weight")).toEqual(
      values(backbone, "layer3.0.conv1.weight"),
    );
    for (const name of ["pos_embed", "blocks.1.attn.qkv.weight", "norm.bias", "head.weight"]) {
      expect(values(dict, name), name).toEqual(values(encoder, name));
    }
    expect(dict.get("patch_embed.proj.weight")?.shape).toEqual([24, 16, 1, 1]);
    // Saved and loaded as one.
    const again = loadModel(spec, saved(dict));
    tidy(() => {
      const x: Tensor4D = ones([1, 64, 32, 3]);
      expect(again.forward(x).dataSync()).toEqual(model.forward(x).dataSync());
    });
    model.dispose();
    again.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test("a part that is not given starts anew, the same for the same seed", () => {
    const fresh = createModel(spec, { seed: 4 });
    const onlyBackbone = loadHybrid(spec, { backbone }, { seed: 4 });
    const onlyEncoder = loadHybrid(spec, { encoder }, { seed: 4, numClasses: 2 });
    const [none, one, two] = [fresh, onlyBackbone, onlyEncoder].map((m) => m.params.stateDict()) as [
      StateDict,
      StateDict,
      StateDict,
    ];
    expect(values(one, "blocks.0.norm1.weight")).toEqual(values(none, "blocks.0.norm1.weight"));
    expect(values(one, "pos_embed")).toEqual(values(none, "pos_embed"));
    expect(values(one, "patch_embed.backbone.conv1.weight")).toEqual(values(backbone, "conv1.weight"));
    expect(values(two, "patch_embed.backbone.conv1.weight")).toEqual(values(none, "patch_embed.backbone.conv1.weight"));
    expect(values(two, "blocks.0.mlp.fc1.weight")).toEqual(values(encoder, "blocks.0.mlp.fc1.weight"));
    expect(onlyEncoder.numClasses).toBe(2);
    for (const m of [fresh, onlyBackbone, onlyEncoder]) m.dispose();
  });

  test("an encoder of another image size is resampled, a backbone for other channels adapted", () => {
    const grey = resnetBackbone({ ...resnet, config: { ...resnet.config, inChans: 1 } }, 3);
    const other = hybridSpec("other", { ...config, imgSize: [96, 64], backbone: grey }, vit.preprocess);
    const square = made({ ...vit, config: { ...vit.config, imgSize: 64 } } as never, 2); // 4 x 4 positions
    const model = loadHybrid(other, { backbone, encoder: square });
    const dict = model.params.stateDict();
    expect(dict.get("pos_embed")?.shape).toEqual([1, 1 + 6 * 4, 24]);
    expect(dict.get("patch_embed.backbone.conv1.weight")?.shape).toEqual([4, 1, 7, 7]);
    expectClose(
      values(dict, "pos_embed")?.subarray(0, 24) ?? [],
      values(square, "pos_embed")?.subarray(0, 24) ?? [1],
      0,
    );
    tidy(() => {
      expect(model.forward(ones([1, 96, 64, 1])).shape).toEqual([1, 5]);
    });
    model.dispose();
    // Its own checkpoint at another size: asked for, it is resampled too.
    const again = loadModel(spec, encodeAndRead(loadHybrid(spec, { backbone, encoder })), {
      config: { imgSize: [128, 64] },
    });
    expect(again.encoder.posEmbed.shape).toEqual([1, 1 + 8 * 4, 24]);
    again.dispose();
  });

  const encodeAndRead = (model: { params: { stateDict(): StateDict }; dispose(): void }) => {
    const dict = saved(model.params.stateDict());
    model.dispose();
    return dict;
  };

  test("a checkpoint of another network is an error with the hybrid's names", () => {
    expect(() => loadHybrid(spec, { backbone: encoder, encoder })).toThrow(
      /in the model but not in the checkpoint: patch_embed.backbone.conv1.weight/,
    );
    expect(() => loadHybrid(spec, { backbone, encoder: backbone })).toThrow(
      /in the checkpoint but not in the model: layer1.0.conv1.weight/,
    );
  });

  test("the layers are numbered as timm's hybrids': all of the backbone is the stem", () => {
    const order = spec.layers?.(config);
    const names = [
      "patch_embed.backbone.layer3.0.conv1.weight",
      "pos_embed",
      "blocks.1.norm1.bias",
      "norm.weight",
      "head.bias",
    ];
    expect(names.map((name) => order?.layerOf(name))).toEqual([0, 0, 2, 2, 3]);
  });
});

describe("vit_mini_r20_s4_32", () => {
  const mini = vit_mini_r20_s4_32(cifarBackbone(resnet20_cifar));

  test("is 64 tokens of a ResNet-20's last map, in 0.82 M parameters, and takes that network's checkpoint", async () => {
    await useBackend("cpu");
    const resnet20 = createModel(resnet20_cifar, { seed: 1 });
    const model = loadHybrid(mini, { backbone: resnet20.params.stateDict() }, { numClasses: 4 });
    const { params, rows } = summarize(model, [32, 32, 3]);
    expect(params).toBe(817_306 - 6 * (128 + 1)); // six classes fewer
    expect(rows.find(({ name }) => name === "patch_embed.proj")?.outputShape).toEqual([1, 8, 8, 128]);
    const x: Tensor4D = ones([1, 32, 32, 3]);
    tidy(() => {
      const map = model.intermediates(x, ["patch_embed.backbone"])["patch_embed.backbone"];
      expect(map?.dataSync()).toEqual(resnet20.forwardFeatures(x).dataSync());
    });
    for (const one of [resnet20, model, x]) one.dispose();
  });

  test("takes images of other sizes with the same weights", async () => {
    await useBackend("cpu");
    const model = createModel(mini);
    const small = loadModel(mini, model.params.stateDict(), { config: { imgSize: 28 } });
    expect(small.encoder.posEmbed.shape).toEqual([1, 1 + 7 * 7, 128]);
    for (const one of [model, small]) one.dispose();
  });
});
