import { closeSync, openSync, writeSync } from "node:fs";
import { safetensorsChunks } from "../dist/index.js";

/** Names and shapes of timm's vit_base_patch16_224: 86,567,656 parameters. */
function* vitBase() {
  const D = 768;
  yield ["cls_token", [1, 1, D]];
  yield ["pos_embed", [1, 197, D]];
  yield ["patch_embed.proj.weight", [D, 3, 16, 16]];
  yield ["patch_embed.proj.bias", [D]];
  for (let i = 0; i < 12; i++) {
    for (const norm of ["norm1", "norm2"]) for (const p of ["weight", "bias"]) yield [`blocks.${i}.${norm}.${p}`, [D]];
    for (const [name, out, inside] of [
      ["attn.qkv", 3 * D, D],
      ["attn.proj", D, D],
      ["mlp.fc1", 4 * D, D],
      ["mlp.fc2", D, 4 * D],
    ]) {
      yield [`blocks.${i}.${name}.weight`, [out, inside]];
      yield [`blocks.${i}.${name}.bias`, [out]];
    }
  }
  for (const p of ["weight", "bias"]) yield [`norm.${p}`, [D]];
  yield ["head.weight", [1000, D]];
  yield ["head.bias", [1000]];
}

/** Writes ViT-B/16 with random values, always the same: 346 MB of safetensors. */
export function writeVitBase(path) {
  let state = 1;
  const next = () => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    return state / 2 ** 31 - 0.5;
  };
  const values = (n) => () => Float32Array.from({ length: n }, next);
  const tensors = [...vitBase()].map(([name, shape]) => [
    name,
    { shape, float32: values(shape.reduce((a, b) => a * b)) },
  ]);
  const fd = openSync(path, "w");
  for (const chunk of safetensorsChunks(tensors)) for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
  closeSync(fd);
}
