import { compareWithGolden, conformance, goldens, onBackends, parameterShapes, worst } from "@repo/testing";
import { createModel, initParams, loadModel, summarize, type WeightsSpec } from "@vitrail/layers";
import { ResNet, resnet18, resnetStages } from "@vitrail/resnet";
import { memory, ones, type Tensor4D, tensor, tidy, useBackend, zeros } from "@vitrail/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import { HybridViT, type HybridViTConfig, hybridSpec, ViT, vit_tiny_patch16_224, vitModels } from "./index.ts";

const file = (name: string) => goldens(new URL(`./__goldens__/${name}.safetensors`, import.meta.url));
const sizes = { embedDim: 24, depth: 2, numHeads: 3, mlpRatio: 4, numClasses: 5 };

/** The networks of tooling/goldens/vit.py. */
const vit = { ...vit_tiny_patch16_224, name: "vit", config: { ...sizes, imgSize: [32, 24], patchSize: 8 } } as const;
const config: HybridViTConfig = {
  ...sizes,
  imgSize: [64, 32],
  patchSize: 2,
  backbone: (p) => new ResNet(p, { block: "basic", layers: [1, 1, 1], width: 4, numClasses: 0 }),
};
const hybrid = hybridSpec("hybrid", config, vit.preprocess);

conformance(vit, { imageSize: [32, 24], intermediate: "blocks.1.attn.attn_drop" });
conformance(hybrid, { imageSize: [64, 32], intermediate: "patch_embed.backbone.layer2.0" });

/** timm's modules that do nothing at these settings. */
const idle =
  /(_drop|norm_pre|fc_norm|[qk]_norm|attn\.norm|ls[12]|drop_path[12]|drop[12]|mlp\.norm|mlp\.act|blocks|relu|patch_embed\.norm)$/;

const againstTorch = () => {
  for (const [spec, mode] of [
    [vit, "eval"],
    [hybrid, "eval"],
    [hybrid, "train"],
  ] as const) {
    test(`${spec.name} in ${mode} mode: logits, intermediates, gradients and statistics are within 1e-5`, () => {
      const model = loadModel(spec as typeof vit, file(`${spec.name}.params`).tensors);
      const parity = compareWithGolden(model, file(`${spec.name}.${mode}`), { training: mode === "train" });
      expect(worst(parity.taps).error, worst(parity.taps).name).toBeLessThan(1e-5);
      expect(parity.untapped.filter((name) => !idle.test(name))).toEqual([]);
      expect(parity.logits).toBeLessThan(1e-5);
      expect(parity.loss).toBeLessThan(1e-5);
      expect(parity.withoutGradient).toEqual([]);
      expect(worst(parity.gradients).error, worst(parity.gradients).name).toBeLessThan(1e-5);
      expect(worst(parity.updates).error, worst(parity.updates).name).toBeLessThan(1e-5);
      model.dispose();
    });
  }
};
onBackends(["cpu", "tfjs-node"], againstTorch, ", against timm and a PyTorch twin of the hybrid in float64");

describe("the table of models", () => {
  test("every entry has its own name, and the number of parameters that its checkpoints state", () => {
    for (const [name, spec] of Object.entries(vitModels)) {
      expect(spec.name).toBe(name);
      for (const [tag, weights] of Object.entries<WeightsSpec>(spec.weights)) {
        const config = spec.withClasses(spec.config, weights.numClasses);
        let params = 0;
        for (const shape of parameterShapes({ ...spec, config }).values()) params += shape.reduce((a, b) => a * b, 1);
        expect(weights.tag).toBe(tag);
        expect(weights.hubId).toBe(`timm/${name}.${tag}`);
        expect(weights.params, name).toBe(params);
        expect(weights.preprocess.inputSize[1]).toBe(spec.config.imgSize);
      }
    }
  });

  test("vit_tiny_patch16_224 is 5.72 M parameters and 1.26 GMACs, as timm counts", async () => {
    await useBackend("wasm");
    const model = createModel(vit_tiny_patch16_224);
    const { params, gmacs, rows } = summarize(model, [224, 224, 3]);
    expect(params).toBe(5_717_416);
    expect(gmacs).toBeCloseTo(1.26, 2);
    expect(rows.find((row) => row.name === "pos_embed")).toMatchObject({ kind: "parameter", params: 197 * 192 });
    model.dispose();
  });
});

describe("ViT", () => {
  beforeAll(async () => {
    await useBackend("cpu");
  });

  test("takes any image size that the patch divides, and says which it does not take", () => {
    const at = (imgSize: number | readonly [number, number]) => {
      const params = initParams(0);
      try {
        return new ViT(params, { ...sizes, imgSize, patchSize: 8 }).encoder.posEmbed.shape;
      } finally {
        params.dispose();
      }
    };
    expect(at(40)).toEqual([1, 26, 24]);
    expect(at([8, 24])).toEqual([1, 4, 24]);
    expect(() => at([32, 20])).toThrow("imgSize 20 is not a multiple of patchSize 8");
  });

  test("an image of another size than the model's is an error that says what to do", () => {
    const model = createModel(vit);
    expect(() => tidy(() => model.forward(zeros([1, 32, 32, 3])))).toThrow("expected 12 patches, found 16");
    expect(() => tidy(() => model.forward(zeros([1, 32, 24, 1])))).toThrow("patch_embed.proj: expected [B, H, W, 3]");
    model.dispose();
  });

  test("without position embeddings the class token does not care about the order of patches", () => {
    const model = createModel(vit, { seed: 2 });
    tidy(() => {
      const posEmbed = model.encoder.posEmbed;
      posEmbed.assign(zeros(posEmbed.shape));
      const image = tensor(
        Float32Array.from({ length: 32 * 24 * 3 }, (_, i) => Math.sin(i * i)),
        [1, 32, 24, 3],
      ) as Tensor4D;
      const rows = image.arraySync() as number[][][][];
      // The two halves of the image change places: whole rows of patches.
      const swapped = tensor([[...(rows[0] ?? []).slice(16), ...(rows[0] ?? []).slice(0, 16)]]) as Tensor4D;
      const [a, b] = [model.forward(image), model.forward(swapped)].map((y) => y.dataSync());
      a?.forEach((value, i) => {
        expect(value).toBeCloseTo(b?.[i] as number, 5);
      });
    });
    model.dispose();
  });
});

describe("HybridViT", () => {
  const r18: HybridViTConfig = {
    ...sizes,
    imgSize: 224,
    patchSize: 1,
    backbone: (p) => new ResNet(p, resnetStages(resnet18.config, 3)),
  };

  test("ResNet-18 cut after its third stage gives 196 tokens of a 224-pixel image, and the class token", async () => {
    await useBackend("wasm");
    const model = createModel(hybridSpec("vit_r18", r18, vit.preprocess));
    tidy(() => {
      expect(model.forwardFeatures(zeros([1, 224, 224, 3])).shape).toEqual([1, 197, 24]);
    });
    model.dispose();
  });

  test("takes anything that has forwardFeatures for a backbone", async () => {
    await useBackend("cpu");
    const grey = { numFeatures: 3, reduction: 1, forwardFeatures: (x: Tensor4D) => x };
    const model = createModel(hybridSpec("grey", { ...r18, imgSize: 8, patchSize: 4, backbone: grey }, vit.preprocess));
    tidy(() => {
      expect(model.forwardFeatures(ones([2, 8, 8, 3])).shape).toEqual([2, 5, 24]);
    });
    model.dispose();
    const silent = hybridSpec(
      "silent",
      { ...r18, backbone: { numFeatures: 3, forwardFeatures: (x) => x } },
      vit.preprocess,
    );
    expect(() => createModel(silent)).toThrow("give it in the configuration");
    const wrong = { ...r18, imgSize: 8, patchSize: 3, backbone: grey };
    expect(() => createModel(hybridSpec("wrong", wrong, vit.preprocess))).toThrow(
      "map of 8, not a multiple of patchSize 3",
    );
  });

  test("a backbone that exists already is shared: trained, saved and named with the hybrid", async () => {
    await useBackend("cpu");
    const before = memory().numTensors;
    const backbone = createModel(
      { ...resnet18, config: { block: "basic", layers: [1, 1, 1], width: 4, numClasses: 0 } },
      { seed: 9 },
    );
    const spec = hybridSpec("shared", { ...config, backbone }, vit.preprocess);
    const model = createModel(spec);
    const name = "patch_embed.backbone.layer1.0.conv1.weight";
    expect(model.params.named().get(name)?.variable).toBe(
      backbone.params.named().get("layer1.0.conv1.weight")?.variable,
    );
    const built = loadModel(hybrid, model.params.stateDict());
    tidy(() => {
      const x: Tensor4D = ones([1, 64, 32, 3]);
      expect(built.forward(x).dataSync()).toEqual(model.forward(x).dataSync());
      const tapped = "patch_embed.backbone.layer1.0.conv1";
      expect(model.intermediates(x, [tapped])[tapped]?.shape).toEqual([1, 16, 8, 4]);
    });
    const renewed = model.resetHead(2);
    model.dispose();
    backbone.dispose();
    tidy(() => {
      expect(renewed.forward(ones([1, 64, 32, 3])).shape).toEqual([1, 2]);
    });
    expect(renewed).toBeInstanceOf(HybridViT);
    renewed.dispose();
    built.dispose();
    expect(memory().numTensors).toBe(before);
  });
});
