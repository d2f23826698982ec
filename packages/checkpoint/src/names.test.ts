import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Checkpoint, encodeSafetensors, readCheckpoint, toTimmNames } from "./index.ts";
import { thrown } from "./testing/fixtures.ts";

const folder = new URL("__goldens__/names/", import.meta.url);
const files = readdirSync(folder).filter((name) => !name.endsWith(".json"));
const open = (name: string): Checkpoint =>
  readCheckpoint(new Uint8Array(readFileSync(new URL(name, folder))), { name });
const golden = (name: string) =>
  JSON.parse(readFileSync(new URL(name.replace(/\.\w+$/, ".json"), folder), "utf8")) as {
    naming: string;
    dropped: string[];
    tensors: Record<string, { shape: number[]; sha256: string }>;
  };

/** A checkpoint of tensors of ones. */
function checkpointOf(shapes: Record<string, readonly number[]>): Checkpoint {
  const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
  return readCheckpoint(
    encodeSafetensors(
      Object.entries(shapes).map(([name, shape]) => [
        name,
        { shape, float32: () => new Float32Array(size(shape)).fill(1) },
      ]),
    ),
  );
}
const vit = {
  cls_token: [1, 1, 192],
  pos_embed: [1, 197, 192],
  "patch_embed.proj.weight": [192, 3, 16, 16],
  "blocks.0.attn.qkv.weight": [576, 192],
};
const resnet = {
  "conv1.weight": [64, 3, 7, 7],
  "bn1.weight": [64],
  "layer1.0.conv1.weight": [64, 64, 1, 1],
  "layer1.0.bn1.weight": [64],
  "layer1.0.conv2.weight": [64, 64, 3, 3],
  "layer1.0.conv3.weight": [256, 64, 1, 1],
};
const namesOf = (shapes: Record<string, readonly number[]>) => [...toTimmNames(checkpointOf(shapes)).tensors.keys()];
const before = (prefix: string, shapes: Record<string, readonly number[]>) =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [prefix + name, shape]));

test.for(files)("%s has timm's tensors to the bit, every one of them and no other", (name) => {
  const { naming, dropped, tensors } = golden(name);
  const found = toTimmNames(open(name), { name });
  expect(found.naming).toBe(naming);
  expect(found.unmapped).toEqual([]);
  expect([...found.tensors.keys()].sort()).toEqual(Object.keys(tensors).sort());
  for (const [key, { shape, sha256 }] of Object.entries(tensors)) {
    const tensor = found.tensors.get(key) ?? expect.fail(key);
    expect(tensor.shape, key).toEqual(shape);
    expect(createHash("sha256").update(tensor.bytes()).digest("hex"), key).toBe(sha256);
  }
  expect(found.notes).toContain(`the names are those of ${titles[naming]}; they became timm's`);
  const left = found.notes.find((note) => note.startsWith("left out"));
  for (const key of dropped) expect(left).toContain(`"${key}"`);
  expect(left === undefined).toBe(dropped.length === 0);
});

const titles: Record<string, string> = {
  "transformers-vit": "transformers' ViT",
  "transformers-5-vit": "transformers' ViT",
  "transformers-deit": "transformers' DeiT",
  "transformers-5-deit": "transformers' DeiT",
  "transformers-resnet": "transformers' ResNet",
  "torchvision-vit": "torchvision's ViT",
  "google-vit": "Google's ViT",
  "big-vision-vit": "big_vision's ViT",
  "google-hybrid": "Google's ResNet and ViT hybrid",
  "google-hybrid-stem": "Google's ViT on a convolution",
};

test("a tensor put together of three is made when it is used, in its own type, and reads the same as fp32", () => {
  const stored = open("transformers-vit.safetensors");
  const reads: string[] = [];
  const spied = new Map(
    [...stored.tensors].map(([name, tensor]) => [
      name,
      Object.assign(Object.create(tensor) as typeof tensor, {
        bytes: () => {
          reads.push(name);
          return tensor.bytes();
        },
      }),
    ]),
  );
  const qkv = toTimmNames({ ...stored, tensors: spied }).tensors.get("blocks.1.attn.qkv.weight");
  expect(reads).toEqual([]);
  expect(qkv).toMatchObject({ dtype: "F32", shape: [24, 8], strides: [8, 1], offset: 0 });
  const values = qkv?.float32() as Float32Array;
  expect(reads.map((name) => name.split(".").at(-2))).toEqual(["query", "key", "value"]);
  expect(Buffer.from(values.buffer, values.byteOffset, values.byteLength).equals(Buffer.from(qkv?.bytes() ?? []))).toBe(
    true,
  );
  expect(qkv?.storage.bytes(4, 12)).toEqual(qkv?.bytes().subarray(4, 12));
});

describe("names that a map does not list", () => {
  test("stay as they are and are told", () => {
    const { tensors } = open("transformers-vit.safetensors");
    const extra = new Map([...tensors, ["vit.extra.weight", tensors.get("classifier.bias") as never]]);
    const found = toTimmNames({ ...open("transformers-vit.safetensors"), tensors: extra });
    expect(found.unmapped).toEqual(["vit.extra.weight"]);
    expect(found.tensors.has("vit.extra.weight")).toBe(true);
    expect(found.notes).toContain(`no name of timm's is known for "vit.extra.weight": they keep their own`);
  });

  test("a query without its key stays what it is", () => {
    const { tensors, ...rest } = open("transformers-vit.safetensors");
    const cut = new Map([...tensors].filter(([name]) => name !== "vit.encoder.layer.1.attention.attention.key.bias"));
    const found = toTimmNames({ ...rest, tensors: cut });
    expect(found.tensors.has("blocks.1.attn.qkv.bias")).toBe(false);
    expect(found.unmapped).toEqual([
      "vit.encoder.layer.1.attention.attention.query.bias",
      "vit.encoder.layer.1.attention.attention.value.bias",
    ]);
  });

  test("two tensors that would have one name are an error", () => {
    const { tensors, ...rest } = open("torchvision-vit.pth");
    const twice = new Map([...tensors, ["norm.bias", tensors.get("encoder.ln.bias") as never]]);
    expect(thrown(() => toTimmNames({ ...rest, tensors: twice }, { name: "x.pth" }))).toMatchObject({
      code: "duplicate-name",
      message: expect.stringMatching(/^x\.pth: .*"norm\.bias"/),
    });
  });

  test("a kernel without four axes is an error that names it", () => {
    const { tensors, ...rest } = open("google-vit.npz");
    const flat = new Map([...tensors, ["embedding/kernel", tensors.get("cls") as never]]);
    expect(thrown(() => toTimmNames({ ...rest, tensors: flat }))).toMatchObject({
      code: "bad-tensor",
      message: expect.stringMatching(/"embedding\/kernel" has the shape \[1,1,8\], expected 4 axes/),
    });
  });
});

describe("prefixes", () => {
  test.for(["module.", "_orig_mod.", "model.", "backbone.", "module._orig_mod.", "model.module.", "module.module."])(
    "%s is taken off",
    (prefix) => expect(namesOf(before(prefix, vit))).toEqual(Object.keys(checkpointed(vit))),
  );

  test("a head beside a backbone keeps its place, and what was done is told", () => {
    const found = toTimmNames(checkpointOf({ ...before("backbone.", resnet), "head.weight": [10, 2048] }));
    expect([...found.tensors.keys()].sort()).toEqual([...Object.keys(resnet), "fc.weight"].sort());
    expect(found.notes).toEqual(['"backbone." taken off 6 names', 'the classifier "head" is "fc" under timm\'s names']);
  });

  test("of a model that is not known only wrappers are taken off, and only where all names have them", () => {
    expect(namesOf({ "module.backbone.x": [1], "module.backbone.y": [1] })).toEqual(["backbone.x", "backbone.y"]);
    expect(namesOf({ "module.x": [1], y: [1] })).toEqual(["module.x", "y"]);
  });

  test("no prefix is taken off where two names would meet", () => {
    expect(namesOf({ ...vit, ...before("module.", vit) })).toEqual(namesOf({ ...before("module.", vit), ...vit }));
    expect(namesOf({ ...vit, ...before("module.", vit) })).toContain("module.cls_token");
  });
});

/** The order that the file has: by name. */
function checkpointed(shapes: Record<string, readonly number[]>): Record<string, unknown> {
  return Object.fromEntries([...checkpointOf(shapes).tensors]);
}

test.for([
  ["fc", "head"],
  ["linear", "head"],
  ["classifier", "head"],
  ["head", "fc"],
  ["linear", "fc"],
  ["classifier", "fc"],
])("a classifier named %s becomes %s where that is timm's name", ([from, to]) => {
  const base = to === "fc" ? resnet : vit;
  const found = namesOf({ ...base, [`${from}.weight`]: [10, 192], [`${from}.bias`]: [10] });
  expect(found.filter((name) => !(name in base)).sort()).toEqual([`${to}.bias`, `${to}.weight`]);
});

test("of two classifiers none is renamed, nor one beside timm's own", () => {
  expect(namesOf({ ...vit, "fc.weight": [10, 192], "linear.weight": [5, 192] })).toContain("linear.weight");
  expect(namesOf({ ...vit, "fc.weight": [10, 192], "head.weight": [5, 192] })).toContain("fc.weight");
  expect(namesOf({ ...resnet, "fc.weight": [10, 512], "fc.bias": [10] })).toContain("fc.weight");
});

test.for([
  [vit, "a ViT (1 blocks of width 192)"],
  [resnet, "a ResNet (bottleneck blocks 1, first 64 channels)"],
  [
    { "layers.0.blocks.0.attn.relative_position_bias_table": [1], "patch_embed.proj.weight": [1] },
    "a Swin Transformer",
  ],
  [{ "features.0.weight": [64, 3, 3, 3], "classifier.6.weight": [1000, 4096] }, "VGG or AlexNet"],
  [{ "stem.0.weight": [1], "stages.0.blocks.0.conv_dw.weight": [1] }, "ConvNeXt"],
  [{ "bert.embeddings.word_embeddings.weight": [1] }, "BERT"],
  [{ "model.embed_tokens.weight": [1], "lm_head.weight": [1] }, "a language model"],
  [{ a: [1] }, undefined],
] as const)("%o looks like %s", ([shapes, looks]) => {
  expect(toTimmNames(checkpointOf(shapes)).looksLike).toBe(looks);
});

test("the models of the table are told by their sizes", () => {
  const blocks = (n: number) =>
    Object.fromEntries(Array.from({ length: n }, (_, i) => [`blocks.${i}.attn.qkv.weight`, [3, 1]]));
  const looks = (shapes: Record<string, readonly number[]>) => toTimmNames(checkpointOf(shapes)).looksLike;
  expect(looks({ ...vit, ...blocks(12) })).toBe("a ViT (vit_tiny_patch16_224: 12 blocks of width 192)");
  expect(looks({ ...vit, ...blocks(12), dist_token: [1, 1, 192], pos_embed: [1, 198, 192] })).toBe(
    "a ViT (deit_tiny_distilled_patch16_224: 12 blocks of width 192)",
  );
  const stages = (counts: readonly number[]) =>
    Object.fromEntries(
      counts.flatMap((n, s) => Array.from({ length: n }, (_, b) => [`layer${s + 1}.${b}.conv1.weight`, [1]])),
    );
  expect(looks({ ...resnet, ...stages([3, 4, 6, 3]) })).toBe(
    "a ResNet (resnet50: bottleneck blocks 3, 4, 6, 3, first 64 channels)",
  );
  const { "layer1.0.conv3.weight": _, ...basic } = resnet;
  const cifar = (width: number) => looks({ ...basic, ...stages([3, 3, 3]), "conv1.weight": [width, 3, 3, 3] });
  expect(cifar(16)).toMatch(/\(resnet20_cifar: .* blocks 3, 3, 3, /);
  expect(cifar(32)).toMatch(/\(resnet20_cifar with model_args {"width": 32}: .* blocks 3, 3, 3, first 32 channels/);
});
