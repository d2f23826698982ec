import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Checkpoint, readCheckpoint } from "@vitrail/checkpoint";
import type { NamedTensor } from "@vitrail/tensor";

/** A golden file beside a test: `goldens(new URL("./__goldens__/vit.eval.safetensors", import.meta.url))`. */
export function goldens(url: URL): Checkpoint {
  return readCheckpoint(new Uint8Array(readFileSync(fileURLToPath(url))), { name: url.pathname });
}

/** The golden's tensor of that name; an absent one is an error that names it. */
export function goldenTensor(file: Checkpoint, name: string): NamedTensor {
  const found = file.tensors.get(name);
  if (!found) throw new RangeError(`the golden has no ${name}; it has ${[...file.tensors.keys()].join(", ")}`);
  return found;
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** The values that a golden keeps of a large tensor: at most `most`, by a step that meets every channel. */
export function sample(values: ArrayLike<number>, channels: number, most = 300): Float32Array {
  let step = Math.max(1, Math.ceil(values.length / most));
  while (gcd(step, channels) > 1) step++;
  return Float32Array.from({ length: Math.ceil(values.length / step) }, (_, i) => values[i * step] as number);
}
