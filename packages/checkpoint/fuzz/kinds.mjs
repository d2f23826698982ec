/** What is fuzzed: for each parser sound files, how they are changed, and how they are read. */
import { readdirSync, readFileSync } from "node:fs";
import { unzipSync, zipSync } from "fflate";
import { parseConfig } from "../../hub/dist/index.js";
import { parseShardIndex } from "../dist/index.js";
import { insertToken, mutateBytes, splice } from "./mutate.mjs";
import { readWhole } from "./read-whole.mjs";
import { safetensors, withHeader } from "./safetensors.mjs";

const MOST = 16_000; // bytes of a sound file: small ones are changed where it matters

function goldens(pattern) {
  return ["", "formats/", "names/"].flatMap((folder) => {
    const url = new URL(`../src/__goldens__/${folder}`, import.meta.url);
    const names = readdirSync(url).filter((name) => pattern.test(name));
    const files = names.map((name) => new Uint8Array(readFileSync(new URL(name, url))));
    return files.filter((file) => file.length <= MOST);
  });
}

const utf8 = (text) => new TextEncoder().encode(text);
const lines = (...list) => list.map(utf8);

const PICKLE = [
  ...Array.from({ length: 256 }, (_, op) => Uint8Array.of(op)),
  ...lines("cbuiltins\neval\n", "cos\nsystem\n", "ctorch._utils\n_rebuild_tensor_v2\n", "ccollections\nOrderedDict\n"),
  ...lines("cnumpy.core.multiarray\n_reconstruct\n", "cnumpy\ndtype\n", "ctorch._tensor\n_rebuild_from_type_v2\n"),
  ...lines(
    "}(",
    "(lp0\n",
    "R.",
    "}q\x00",
    "h\x00a",
    "h\x00h\x00s",
    ")R",
    "\x85R",
    "\x86R",
    "\x87R",
    "Q",
    "b",
    "Vstate_dict\n",
  ),
  Uint8Array.of(0x8a, 9, 0, 0, 0, 0, 0, 0, 0, 128, 0),
  Uint8Array.of(0x58, 255, 255, 255, 255),
  Uint8Array.of(0x8d, 0, 0, 0, 0, 0, 0, 0, 128),
  Uint8Array.of(0x4a, 255, 255, 255, 127),
];
const NPY = lines(
  "'descr': '>f4'",
  "'|O'",
  "'fortran_order': True",
  "(9999999999, 9999999999)",
  "(",
  ")",
  "{",
  "}",
  ",",
  "'",
  "L",
  "[('a', '<f4')]",
  "9".repeat(20),
);
const JSON_TOKENS = lines(
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  "\\",
  "-1",
  "1e999",
  "null",
  "../",
  "/",
  "C:",
  '"weight_map":',
  '"a":',
  "\\u0061",
  "[[[[[[",
  "9".repeat(25),
  "\u0000",
  '"__proto__":',
);

const byBytes = (r, file, all) => mutateBytes(r, file, r.pick(all));
const tokens = (list) => (r, file, all) => {
  let out = file;
  for (let n = r.once(3) ? 1 + r.below(3) : 1; n > 0; n--)
    out = r.once(2) ? insertToken(r, out, list) : byBytes(r, out, all);
  return out;
};

/** An entry of an archive changed, and the archive written anew around it: checks of the archive itself let it through. */
const inside = (pattern, change) => (r, file, all) => {
  const entries = unzipSync(file);
  const names = Object.keys(entries).filter((name) => pattern.test(name));
  if (names.length === 0) return byBytes(r, file, all);
  const name = r.pick(names);
  entries[name] = change(
    r,
    entries[name],
    names.map((n) => entries[n]),
  );
  return zipSync(entries, { level: r.once(4) ? 6 : 0 });
};

const torchZips = goldens(/\.(pt|pth|pth\.tar)$/).filter((file) => file[0] === 0x50);
const legacies = goldens(/\.(pt|pth|pth\.tar)$/).filter((file) => file[0] === 0x80);
const npzs = goldens(/\.npz$/);
const config = {
  architecture: "vit_tiny_patch16_224",
  num_classes: 3,
  label_names: ["a", "b", "c"],
  pretrained_cfg: { input_size: [3, 224, 224], crop_pct: 0.9, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
};
const transformers = {
  model_type: "vit",
  hidden_size: 192,
  num_attention_heads: 3,
  intermediate_size: 768,
  id2label: { 0: "a" },
};
const preprocessor = { size: { shortest_edge: 224 }, crop_pct: 0.875, resample: 3, image_mean: [0.5, 0.5, 0.5] };
const index = { metadata: { total_size: 8 }, weight_map: { "a.weight": "x-1.safetensors", b: "x-2.safetensors" } };

export const kinds = {
  safetensors: {
    sound: (r) => safetensors(r),
    change: (r, f) => (r.once(2) ? byBytes(r, f, [f]) : withHeader(r, f)),
    read: readWhole,
  },
  zip: { files: [...torchZips, ...npzs], change: byBytes, read: readWhole },
  pickle: { files: torchZips, change: inside(/data\.pkl$/, tokens(PICKLE)), read: readWhole },
  legacy: { files: legacies, change: tokens(PICKLE), read: readWhole },
  npy: { files: goldens(/\.npy$/), change: tokens(NPY), read: readWhole },
  npz: { files: npzs, change: inside(/\.npy$/, tokens(NPY)), read: readWhole },
  any: {
    sound: (r) => r.bytes(r.below(200)),
    change: (r, f) => (r.once(2) ? f : splice(f, 0, 0, r.pick(MAGIC))),
    read: readWhole,
  },
  index: {
    files: [utf8(JSON.stringify(index)), ...goldens(/index\.json$/)],
    change: tokens(JSON_TOKENS),
    read: readIndex,
  },
  config: {
    files: [config, transformers, preprocessor].map((json) => utf8(JSON.stringify(json))),
    change: tokens(JSON_TOKENS),
    read: readConfig,
  },
};

const MAGIC = [
  utf8("PK\x03\x04"),
  Uint8Array.of(0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e),
  Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 20, 0),
  Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 0x7b),
];

function readIndex(bytes) {
  for (const path of parseShardIndex(bytes).files) {
    if (path.split(/[\\/]/).includes("..") || /^[/\\]|^[a-z]:/i.test(path)) throw new Error(`let ${path} through`);
  }
}

function readConfig(bytes) {
  const { numClasses, labels, preprocess } = /shortest_edge/.test(new TextDecoder().decode(bytes))
    ? parseConfig(transformers, { name: "fuzz", preprocessor: bytes })
    : parseConfig(bytes, { name: "fuzz" });
  if (labels && labels.length !== numClasses) throw new Error(`${labels.length} labels of ${numClasses}`);
  if (preprocess && !preprocess.std.every((s) => s > 0)) throw new Error("a deviation of 0");
}
