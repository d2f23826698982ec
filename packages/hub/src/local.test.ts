import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { shared } from "@repo/testing";
import { encodeSafetensors } from "@vitrail/checkpoint";
import { afterAll, beforeAll, expect, test } from "vitest";
import { nearestNames, openFile, openWeights, weightsPackage } from "./index.ts";

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(realpathSync(tmpdir()), "vitrail hub фото ü 猫 b#1%20 "));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const bytes = encodeSafetensors([["w", { shape: [2], float32: () => Float32Array.of(1, 2) }]], {
  metadata: { format: "pt" },
});
const config = JSON.stringify({ architecture: "resnet18", num_classes: 2, label_names: ["a", "b"] });

/** A folder with these files; "" for an empty one, true for a sound checkpoint. */
function folder(name: string, files: Record<string, string | true>): string {
  const path = join(root, name);
  mkdirSync(path, { recursive: true });
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, file)), { recursive: true });
    writeFileSync(join(path, file), content === true ? bytes : content);
  }
  return path;
}
const failing = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

test("a folder gives its config and its checkpoint", async () => {
  const path = folder("both", { "config.json": config, "model.safetensors": true, "README.md": "x" });
  const weights = await openWeights(path);
  expect(weights.id).toBe(path);
  expect(weights.config).toMatchObject({ architecture: "resnet18", numClasses: 2, labels: ["a", "b"] });
  expect([...(weights.tensors.get("w")?.float32() ?? [])]).toEqual([1, 2]);
  expect(weights.metadata).toEqual({ format: "pt" });
  expect(weights.files).toEqual([join(path, "model.safetensors")]);
  weights.close();
  weights.close();
  expect(() => weights.tensors.get("w")?.float32()).toThrow(failing("read-failed", /closed/));
});

test("names of another library become timm's, and a part of a torch file can be chosen", async () => {
  const golden = (path: string) =>
    new Uint8Array(readFileSync(new URL(`../../checkpoint/src/__goldens__/${path}`, import.meta.url)));
  const vit = await openWeights({ model: golden("names/transformers-vit.safetensors") });
  expect(vit.naming).toBe("transformers-vit");
  expect(vit.tensors.get("blocks.1.attn.qkv.weight")?.shape).toEqual([24, 8]);
  const path = join(folder("parts", {}), "t.pth.tar");
  writeFileSync(path, golden("formats/wrapped.pth.tar"));
  const wrapped = await openWeights(path);
  expect(wrapped.part).toBe("state_dict_ema");
  expect([...wrapped.tensors.keys()]).toEqual(["weight", "bias"]);
  expect(wrapped.notes).toEqual([
    'the tensors are those under "state_dict_ema"; the file also has "state_dict"',
    '"module." taken off all names',
  ]);
  wrapped.close();
  const chosen = await openWeights(path, { part: "state_dict" });
  expect([...(chosen.tensors.get("bias")?.float32() ?? [])]).toEqual([0.5, -0.5]);
  chosen.close();
});

test("a sharded checkpoint of torch opens by its index", async () => {
  const golden = new URL("../../checkpoint/src/__goldens__/formats/protocol-4.pth", import.meta.url);
  const index = {
    weight_map: { weight: "pytorch_model-00001-of-00001.bin", bias: "pytorch_model-00001-of-00001.bin" },
  };
  const path = folder("bins", { "pytorch_model.bin.index.json": JSON.stringify(index), "training_args.bin": "x" });
  writeFileSync(join(path, "pytorch_model-00001-of-00001.bin"), readFileSync(golden));
  const weights = await openWeights(path);
  expect(weights).toMatchObject({ format: "torch" });
  expect([...(weights.tensors.get("bias")?.float32() ?? [])]).toEqual([0.5, -0.5]);
  weights.close();
});

test("a folder of transformers gives its model, labels and preprocessing in timm's terms", async () => {
  const path = folder("transformers", {
    "config.json": JSON.stringify({ model_type: "resnet", id2label: { 0: "cat", 1: "dog" } }),
    "preprocessor_config.json": JSON.stringify({ size: { shortest_edge: 224 }, crop_pct: 0.875, resample: 3 }),
    "model.safetensors": true,
  });
  const { config, close } = await openWeights(path);
  expect(config).toMatchObject({ architecture: "resnet50", labels: ["cat", "dog"], preprocess: { cropPct: 0.875 } });
  close();
});

test.for([
  ["letters outside ASCII", "фото ü 猫"],
  ["what a URL would decode", "a b#1%20?x=1"],
  ["a percent sign that decodes to nothing", "100%"],
  ["a composed and a decomposed letter", "é e\u0301"],
])("%s in names work as path and as file URL", async ([, name]) => {
  const path = folder(name as string, { "config.json": config, "model.safetensors": true });
  const url = pathToFileURL(path);
  const file = join(path, "model.safetensors");
  for (const source of [path, `${path}/`, url, url.href, file, pathToFileURL(file)]) {
    const weights = await openWeights(source);
    expect(weights.tensors.size, String(source)).toBe(1);
    weights.close();
  }
});

test("a bare file has no config, whatever lies beside it", async () => {
  const path = folder("bare", { "config.json": config, "any name.bin": true });
  const weights = await openWeights(join(path, "any name.bin"));
  expect(weights.config).toBeUndefined();
  expect(weights.tensors.size).toBe(1);
  weights.close();
});

test.for<[string, Record<string, string | true>, string]>([
  [
    "model.safetensors comes first",
    { "model.safetensors": true, "a.safetensors": "", "pytorch_model.bin": "" },
    "model.safetensors",
  ],
  [
    "a single safetensors file of any name comes before other kinds",
    { "x.safetensors": true, "x.pth": "" },
    "x.safetensors",
  ],
  ["a single file with a checkpoint's ending is taken", { "weights.bin": true, "notes.txt": "x" }, "weights.bin"],
  ["a single file that is safetensors by content is taken", { weights: true, "notes.txt": "x" }, "weights"],
  [
    "hidden files and folders are passed over",
    { "a.safetensors": true, ".b.safetensors": "", "sub/c.safetensors": "" },
    "a.safetensors",
  ],
])("%s", async ([title, files, expected]) => {
  const path = folder(title, files);
  const weights = await openWeights(path);
  expect(weights.files).toEqual([join(path, expected)]);
  expect(weights.config).toBeUndefined();
  weights.close();
});

test("a link to a file counts, as in the cache of Python's hub client", async () => {
  const blobs = folder("blobs", { abc: true });
  const path = folder("snapshot", {});
  symlinkSync(join(blobs, "abc"), join(path, "model.safetensors"));
  (await openWeights(path)).close();
});

test("a sharded checkpoint is opened by its index, from the folder or by name", async () => {
  const index = JSON.stringify({ weight_map: { w: "model-00001-of-00001.safetensors" } });
  const path = folder("sharded", {
    "config.json": config,
    "model.safetensors.index.json": index,
    "model-00001-of-00001.safetensors": true,
    "other.safetensors": "",
  });
  for (const source of [path, join(path, "model.safetensors.index.json")]) {
    const weights = await openWeights(source);
    expect([...weights.tensors.keys()]).toEqual(["w"]);
    expect(weights.files.length).toBe(2);
    weights.close();
  }
  rmSync(join(path, "model-00001-of-00001.safetensors"));
  await expect(openWeights(path)).rejects.toThrow(
    failing("missing-shard", /index\.json: .*"model-00001-of-00001\.safetensors"/),
  );
  writeFileSync(
    join(path, "model.safetensors.index.json"),
    JSON.stringify({ weight_map: { w: "../bare/any name.bin" } }),
  );
  await expect(openWeights(path)).rejects.toThrow(failing("bad-index", /inside its folder/));
});

test("several checkpoints are listed, and none is guessed", async () => {
  const path = folder("several", { "b.safetensors": true, "a.safetensors": true });
  await expect(openWeights(path)).rejects.toThrow(
    failing("several-checkpoints", /2 checkpoints \(a\.safetensors, b\.safetensors\)/),
  );
  await expect(openWeights(folder("two pth", { "b.pth": "", "a.pth": "" }))).rejects.toThrow(
    failing("several-checkpoints", /a\.pth, b\.pth/),
  );
});

test("a folder without a checkpoint says what it has", async () => {
  await expect(openWeights(folder("empty", {}))).rejects.toThrow(failing("no-checkpoint", /no files/));
  await expect(openWeights(folder("texts", { "config.json": config }))).rejects.toThrow(
    failing("no-checkpoint", /its files: config\.json/),
  );
});

test("a missing path offers the nearest names beside it, at whatever level it goes wrong", async () => {
  const path = folder("near/resnet18-cats", { "model.safetensors": true });
  await expect(openWeights(join(root, "near/resnet18-cat"))).rejects.toThrow(
    failing("not-found", /did you mean ".*resnet18-cats"\?/),
  );
  await expect(openWeights(join(path, "Model.safetensor"))).rejects.toThrow(failing("not-found", /model\.safetensors/));
  await expect(openWeights(join(root, "naer/resnet18-cats/x"))).rejects.toThrow(
    failing("not-found", /did you mean ".*near"/),
  );
  await expect(openWeights("no/such/folder")).rejects.toThrow(
    failing("not-found", /"no\/such\/folder"; give a weights folder.*or a name on the hub/),
  );
  await expect(openWeights("")).rejects.toThrow(failing("not-found", /empty/));
  await expect(openWeights(join(path, "model.safetensors", "x"))).rejects.toThrow(failing("not-found", /./));
  await expect(openWeights("a\u0000b")).rejects.toThrow(failing("read-failed", /null bytes/));
  await expect(openWeights("x".repeat(5000))).rejects.toThrow(failing("read-failed", /ENAMETOOLONG/));
});

test("an address of another kind is refused with what to do", async () => {
  await expect(openWeights(new URL("ftp://example.org/x/"))).rejects.toThrow(
    failing("unsupported-source", /ftp:\/\/example\.org.*give a path, a file:, http: or https: address/),
  );
  await expect(openWeights("https://")).rejects.toThrow(failing("unsupported-source", /is no address/));
});

test("a bad checkpoint is named by its path", async () => {
  const path = folder("bad", { "model.safetensors": "version https://git-lfs.github.com/spec/v1\nsize 5\n" });
  await expect(openWeights(path)).rejects.toThrow(failing("lfs-pointer", /bad.model\.safetensors: .*git lfs pull/));
  await expect(openWeights(folder("nothing", { "a.pth": "" }))).rejects.toThrow(failing("empty-file", /a\.pth: /));
});

test("a bad config is named by its path", async () => {
  const path = folder("bad config", { "config.json": "{", "model.safetensors": true });
  await expect(openWeights(path)).rejects.toThrow(failing("bad-config", /bad config.config\.json is no JSON/));
});

test("the parts can be given one by one, as paths or in memory", async () => {
  const path = folder("parts", { "c.json": config, "m.bin": true });
  const fromPaths = await openWeights({
    model: join(path, "m.bin"),
    config: pathToFileURL(join(path, "c.json")),
    id: "mine",
  });
  expect(fromPaths).toMatchObject({ id: "mine", config: { architecture: "resnet18" } });
  fromPaths.close();
  const fromMemory = await openWeights({ model: bytes, config: JSON.parse(config) });
  expect(fromMemory).toMatchObject({ config: { numClasses: 2 }, files: [] });
  await expect(openWeights({ model: join(path, "gone.bin") })).rejects.toThrow(failing("not-found", /m\.bin|gone/));
  await expect(openWeights({ model: bytes, config: join(path, "gone.json") })).rejects.toThrow(
    failing("not-found", /gone\.json/),
  );
});

test("a file that shrinks while it is open is an error, not zeros", async () => {
  const path = folder("shrinking", { "model.safetensors": true });
  const weights = await openWeights(path);
  truncateSync(join(path, "model.safetensors"), 90);
  expect(() => weights.tensors.get("w")?.float32()).toThrow(failing("read-failed", /ends at byte/));
  weights.close();
});

test("openFile refuses what is no regular file", () => {
  expect(() => openFile(root)).toThrow(failing("read-failed", /no regular file/));
  expect(() => openFile(join(root, "gone"))).toThrow(failing("not-found", /gone/));
  const file = openFile(join(folder("open", { x: "abc" }), "x"));
  expect(() => file.bytes(2, 5)).toThrow(failing("read-failed", /outside/));
  expect([...file.bytes(1, 3)]).toEqual([98, 99]);
  file.close();
});

test("a weights package is found from its dependent, and a missing one named with what to do", () => {
  const app = folder("app", {
    "index.js": "",
    "node_modules/@x/weights/package.json":
      '{"name":"@x/weights","type":"module","exports":{"./package.json":"./package.json"}}',
  });
  expect(weightsPackage("@x/weights", pathToFileURL(join(app, "index.js")))).toBe(join(app, "node_modules/@x/weights"));
  expect(() => weightsPackage("@x/gone", import.meta.url)).toThrow(failing("no-package", /npm install @x\/gone/));
});

test("nearest names are the nearest first, and none where nothing is near", () => {
  expect(nearestNames("resnet5", ["resnet50", "resnet18", "vit"])).toEqual(["resnet50", "resnet18"]);
  expect(nearestNames("é", ["e\u0301", "abcdef"])).toEqual(["e\u0301"]);
  expect(nearestNames("zzzzzz", ["resnet50"])).toEqual([]);
});

const hub = shared("hub/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k");
test.skipIf(!hub)("a real folder of timm opens (needs ../shared)", async () => {
  const weights = await openWeights(hub as string);
  expect(weights.config?.architecture).toBe("vit_tiny_patch16_224");
  expect(weights.tensors.size).toBe(152);
  const size = readFileSync(join(hub as string, "model.safetensors")).length;
  let read = 0;
  for (const tensor of weights.tensors.values()) read += tensor.bytes().length;
  expect(size - read).toBeGreaterThan(0);
  weights.close();
});
