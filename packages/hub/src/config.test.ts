import { readFileSync } from "node:fs";
import { shared } from "@repo/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isHubError, parseConfig } from "./index.ts";

const cfg = {
  input_size: [3, 224, 224],
  interpolation: "bicubic",
  crop_pct: 0.9,
  crop_mode: "center",
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
  num_classes: 3,
  license: "apache-2.0",
};
const labels = ["cat", "dog", "crane"];
const nested = { architecture: "resnet18", num_classes: 3, label_names: labels, pretrained_cfg: cfg };
const preprocess = {
  inputSize: [3, 224, 224],
  interpolation: "bicubic",
  cropPct: 0.9,
  cropMode: "center",
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
};

test("timm's form with a pretrained_cfg block is read, and everything is kept in raw", () => {
  const json = { ...nested, global_pool: "avg", vitrail: { open_set: { score: "energy", threshold: -3 }, x: 1 } };
  expect(parseConfig(JSON.stringify(json))).toEqual({
    architecture: "resnet18",
    numClasses: 3,
    labels,
    preprocess,
    openSet: { score: "energy", threshold: -3 },
    license: "apache-2.0",
    raw: json,
  });
});

test("the flat form of older files is read, and its labels under their older name", () => {
  const flat = { architecture: "resnet18", ...cfg, labels };
  expect(parseConfig(flat)).toEqual({
    architecture: "resnet18",
    numClasses: 3,
    labels,
    preprocess,
    license: "apache-2.0",
    raw: flat,
  });
});

test("the outer level counts before pretrained_cfg", () => {
  const config = parseConfig({
    ...nested,
    num_classes: 2,
    label_names: ["a", "b"],
    pretrained_cfg: { ...cfg, label_names: labels },
  });
  expect(config).toMatchObject({ numClasses: 2, labels: ["a", "b"] });
});

test("labels may be absent, inside pretrained_cfg, or an object of index to name", () => {
  expect(parseConfig({ ...nested, label_names: undefined }).labels).toBeUndefined();
  expect(parseConfig({ ...nested, label_names: null }).labels).toBeUndefined();
  expect(parseConfig({ ...nested, label_names: [] }).labels).toBeUndefined();
  expect(parseConfig({ architecture: "a", pretrained_cfg: { ...cfg, label_names: labels } }).labels).toEqual(labels);
  expect(parseConfig({ ...nested, label_names: { 0: "cat", 2: "crane" } }).labels).toEqual(["cat", "class 1", "crane"]);
  expect(parseConfig({ ...nested, label_descriptions: { cat: "a cat" } }).labelDescriptions).toEqual({ cat: "a cat" });
});

test("without preprocessing there is none; what is left out of it is timm's default", () => {
  expect(parseConfig({ architecture: "a", num_classes: 3 }).preprocess).toBeUndefined();
  expect(parseConfig({ architecture: "a", num_classes: 3, pretrained_cfg: { mean: null } }).preprocess).toBeUndefined();
  expect(parseConfig({ architecture: "a", num_classes: 3, crop_mode: null, crop_pct: 1 }).preprocess).toEqual({
    inputSize: [3, 224, 224],
    interpolation: "bicubic",
    cropPct: 1,
    cropMode: "center",
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  });
});

test("bytes, a byte order mark and headless models are no error", () => {
  const text = `\uFEFF${JSON.stringify({ architecture: "vit", num_classes: 0 })}`;
  expect(parseConfig(new TextEncoder().encode(text)).numClasses).toBe(0);
});

test.for<[unknown, RegExp]>([
  ["", /is no JSON/],
  ["<html>", /is no JSON, it begins "<html>"/],
  ['{"architecture":"a","num_classes":3,"num_classes":4}', /has the key "num_classes" twice/],
  ["[]", /expected a JSON object/],
  ["null", /expected a JSON object/],
  [{}, /"architecture" is missing/],
  [{ architecture: 5, num_classes: 3 }, /"architecture" is 5/],
  [{ architecture: "a" }, /"num_classes" is missing, expected a whole number/],
  [{ architecture: "a", num_classes: "3" }, /"num_classes" is "3"/],
  [{ architecture: "a", num_classes: -1 }, /"num_classes" is -1/],
  [{ architecture: "a", num_classes: 1.5 }, /"num_classes" is 1.5/],
  [{ architecture: "a", num_classes: 1e12 }, /"num_classes"/],
  [{ ...nested, label_names: ["cat"] }, /"label_names" is "1 names", expected as many as num_classes, 3/],
  [{ ...nested, label_names: ["cat", 1, "x"] }, /"label_names\[1\]" is 1/],
  [{ ...nested, label_names: "cat" }, /"label_names"/],
  [{ ...nested, label_names: { 3: "x" } }, /indices from 0 to 2/],
  [{ ...nested, label_names: { a: "x" } }, /indices/],
  [{ ...nested, label_descriptions: { cat: 1 } }, /"label_descriptions.cat" is 1/],
  [{ ...nested, pretrained_cfg: [] }, /"pretrained_cfg" is \[\]/],
  [
    { ...nested, pretrained_cfg: { ...cfg, input_size: [1, 28, 28] } },
    /"input_size" is \[1,28,28\], expected \[3, height, width\]/,
  ],
  [{ ...nested, pretrained_cfg: { ...cfg, input_size: [3, 0, 224] } }, /"input_size"/],
  [{ ...nested, pretrained_cfg: { ...cfg, input_size: [3, 1e6, 224] } }, /"input_size"/],
  [{ ...nested, pretrained_cfg: { ...cfg, input_size: 224 } }, /"input_size" is 224/],
  [
    { ...nested, pretrained_cfg: { ...cfg, interpolation: "random" } },
    /"interpolation" is "random", expected one of nearest, /,
  ],
  [{ ...nested, pretrained_cfg: { ...cfg, crop_pct: 0 } }, /"crop_pct" is 0/],
  [{ ...nested, pretrained_cfg: { ...cfg, crop_pct: "0.9" } }, /"crop_pct" is "0.9"/],
  [{ ...nested, pretrained_cfg: { ...cfg, crop_mode: "corner" } }, /"crop_mode" is "corner"/],
  [{ ...nested, pretrained_cfg: { ...cfg, mean: [0.5] } }, /"mean" is \[0.5\]/],
  [{ ...nested, pretrained_cfg: { ...cfg, std: [0.5, 0, 0.5] } }, /"std".*over 0/],
  [{ ...nested, pretrained_cfg: { ...cfg, license: 5 } }, /"license" is 5/],
  [{ ...nested, vitrail: 1 }, /"vitrail" is 1/],
  [{ ...nested, vitrail: { open_set: true } }, /"vitrail.open_set" is true/],
])("%j is a clear error", ([json, message]) => {
  const error = expect.objectContaining({
    name: "HubError",
    code: "bad-config",
    message: expect.stringMatching(message),
  });
  expect(() => parseConfig(json, { name: "w/config.json" })).toThrow(error);
  expect(() => parseConfig(json, { name: "w/config.json" })).toThrow(/^w\/config\.json[^\n]*$/);
});

const id2label = { 0: "tench", 1: "goldfish", 2: "shark" };
const ti = { model_type: "vit", hidden_size: 192, num_attention_heads: 3, intermediate_size: 768, id2label };

test.for([
  [{ ...ti, architectures: ["ViTForImageClassification"] }, "vit_tiny_patch16_224"],
  [{ model_type: "vit", id2label }, "vit_base_patch16_224"],
  [{ ...ti, patch_size: 32, image_size: 384, layer_norm_eps: 1e-12 }, "vit_tiny_patch32_384"],
  [{ ...ti, model_type: "deit" }, "deit_tiny_distilled_patch16_224"],
  [{ model_type: "resnet", id2label }, "resnet50"],
  [
    { model_type: "resnet", layer_type: "basic", depths: [2, 2, 2, 2], hidden_sizes: [64, 128, 256, 512], id2label },
    "resnet18",
  ],
] as const)("transformers' %j is %s", ([config, architecture]) => {
  expect(parseConfig(config)).toMatchObject({ architecture, numClasses: 3, labels: ["tench", "goldfish", "shark"] });
  expect(parseConfig(config).preprocess).toBeUndefined();
});

test("labels of transformers that say nothing are none, and two classes are its default", () => {
  const bare = parseConfig({ ...ti, id2label: { 0: "LABEL_0", 1: "LABEL_1" } });
  expect(bare).toMatchObject({ numClasses: 2 });
  expect(bare.labels).toBeUndefined();
  expect(parseConfig({ ...ti, id2label: undefined }).numClasses).toBe(2);
  expect(parseConfig({ ...ti, id2label: undefined, num_labels: 7 }).numClasses).toBe(7);
});

test("a preprocessor_config.json of transformers is told in timm's terms, where they can say it", () => {
  const of = (preprocessor: object) => parseConfig(ti, { preprocessor }).preprocess;
  const half = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
  const squash = { inputSize: [3, 224, 224], cropPct: 1, cropMode: "squash" };
  expect(of({ size: { height: 224, width: 224 }, resample: 2 })).toEqual({
    ...half,
    ...squash,
    interpolation: "bilinear",
  });
  expect(of({ size: 224, resample: 3 })).toEqual({ ...half, ...squash, interpolation: "bicubic" });
  const imagenet = { image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] };
  expect(of({ ...imagenet, crop_pct: 0.875, size: { shortest_edge: 224 }, resample: 3 })).toEqual({
    mean: imagenet.image_mean,
    std: imagenet.image_std,
    interpolation: "bicubic",
    inputSize: [3, 224, 224],
    cropPct: 0.875,
    cropMode: "center",
  });
  for (const other of [
    { size: { height: 256, width: 256 }, crop_size: { height: 224, width: 224 }, do_center_crop: true },
    { size: { shortest_edge: 384 } },
    { size: 224, do_normalize: false },
    { size: 224, rescale_factor: 1 },
    { size: 224, resample: 9 },
    { size: -1 },
    {},
  ]) {
    expect(of(other), JSON.stringify(other)).toBeUndefined();
  }
});

test.for([
  [{ model_type: "swin" }, /model of type "swin"/],
  [{ architectures: ["X"] }, /type undefined/],
  [{ ...ti, hidden_size: 100 }, /a ViT of sizes that timm has no name for/],
  [{ ...ti, qkv_bias: false }, /a ViT of sizes/],
  [{ model_type: "resnet", downsample_in_bottleneck: true }, /a ResNet of sizes/],
  [{ ...ti, id2label: { 1: "a", 2: "b" } }, /id2label does not name/],
  [{ ...ti, id2label: undefined, num_labels: "7" }, /num_labels is no number/],
] as const)("transformers' %j is refused, with what to do", ([config, why]) => {
  const error = thrown(() => parseConfig(config));
  expect(error).toMatchObject({ code: "foreign-config", message: expect.stringMatching(why) });
  expect(error).toMatchObject({
    message: expect.stringMatching(/give the checkpoint file itself and name the model$/),
  });
});

function thrown(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}

test("any JSON at all is a config or a HubError", () => {
  const keys = ["architecture", "num_classes", "label_names", "pretrained_cfg", "vitrail", "mean", "__proto__"];
  const object = fc.dictionary(fc.constantFrom(...keys), fc.jsonValue());
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), object, fc.string()), (json) => {
      try {
        parseConfig(json);
      } catch (error) {
        if (!isHubError(error)) throw error;
      }
    }),
    { numRuns: 500 },
  );
});

const real = shared("hub/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k/config.json");
test.skipIf(!real)("a real config of timm is read (needs ../shared)", () => {
  expect(parseConfig(readFileSync(real as string))).toMatchObject({
    architecture: "vit_tiny_patch16_224",
    numClasses: 1000,
    preprocess: { ...preprocess },
    license: "apache-2.0",
  });
});
