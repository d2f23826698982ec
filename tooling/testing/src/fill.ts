/**
 * Weights and images as pure functions of a name, the same bit for bit as in tooling/goldens/common.py: full-size networks
 * are compared with torch without a file of weights.
 */
import { initParams, type ModelSpec, type ParamStore } from "@vitrail/layers";
import { type NamedTensor, type StateDict, scalar, type Variable, variable } from "@vitrail/tensor";

function crc32(text: string): number {
  let crc = 0xffffffff;
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

const sizeOf = (shape: readonly number[]) => shape.reduce((n, d) => n * d, 1);

/** `value` of each of the name's numbers in [0, 1), which are multiples of 2^-24. */
function draw(name: string, count: number, value: (u: number) => number): Float32Array {
  const out = new Float32Array(count);
  const start = crc32(name);
  for (let i = 0; i < count; i++) {
    let x = (Math.imul(i, 0x9e3779b9) + start) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
    out[i] = value(((x ^ (x >>> 16)) >>> 8) / 2 ** 24);
  }
  return out;
}

/** A parameter's values from its name, checkpoint shape and gain. */
export function fill(name: string, shape: readonly number[], gain: number): Float32Array {
  const size = sizeOf(shape);
  if (shape.length === 1) {
    if (!name.endsWith("weight")) return draw(name, size, (u) => 0.1 * (u * 2 - 1));
    const strength = name.endsWith("bn3.weight") ? 0.3 : 1; // small residuals, as in trained networks: see common.py
    return draw(name, size, (u) => strength * (1 + 0.25 * (u * 2 - 1)));
  }
  if (shape.length === 3) return draw(name, size, (u) => 0.5 * (u * 2 - 1)); // class token, position embeddings
  const bound = Math.sqrt((3 * gain * gain) / sizeOf(shape.slice(1)));
  return draw(name, size, (u) => bound * (u * 2 - 1));
}

/** A normalised image, [B, H, W, 3] with values in [-2, 2). */
export function fillImage(name: string, shape: readonly number[]): Float32Array {
  return draw(name, sizeOf(shape), (u) => u * 4 - 2);
}

/** Names and checkpoint shapes of a model's parameters, without memory for any of them. */
export function parameterShapes<C>(
  spec: Pick<ModelSpec<C, never>, "config"> & { build: (p: ParamStore, c: C) => unknown },
): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  const blank: Variable[] = [];
  const at = (path: string): ParamStore => ({
    ...initParams(0),
    path,
    at: (name) => at(path === "" ? String(name) : `${path}.${name}`),
    get(name, shape) {
      shapes.set(path === "" ? name : `${path}.${name}`, shape);
      const value = scalar(0);
      const stand = variable(value);
      value.dispose();
      blank.push(stand);
      // Layers read a parameter's shape when built, at most.
      return stand;
    },
  });
  spec.build(at(""), spec.config);
  for (const v of blank) v.dispose();
  return shapes;
}

/**
 * A full checkpoint for `spec`, filled by name; BatchNorm's statistics come from a golden, as int8: the variance is
 * 2^(k / 2), the mean m / 16 deviations.
 */
export function filledCheckpoint<C>(
  spec: Parameters<typeof parameterShapes<C>>[0],
  gain: number,
  statistics: StateDict = new Map(),
): StateDict {
  const int8 = (name: string) => (statistics.get(name) as NamedTensor).float32();
  const variance = (name: string) => int8(name).map((k) => Math.sqrt(2 ** k));
  const values = (name: string, shape: readonly number[]): Float32Array => {
    if (name.endsWith(".running_var")) return variance(name);
    if (name.endsWith(".running_mean")) {
      const k = int8(name.replace(/mean$/, "var"));
      return int8(name).map((m, i) => (m / 16) * Math.sqrt(Math.sqrt(2 ** (k[i] as number))));
    }
    return fill(name, shape, gain);
  };
  return new Map(
    [...parameterShapes(spec)].map(([name, shape]) => [
      name,
      { dtype: "F32", shape, float32: () => values(name, shape) },
    ]),
  );
}
