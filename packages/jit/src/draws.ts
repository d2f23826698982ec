import type { Rng } from "@vitrail/tensor";

/** How to make the same draw again from another root. */
export type Recipe = (root: Rng) => Float32Array;

/** A stream that hands out real numbers and remembers, for each array, how it was made: also through `map`. */
export interface RecordingRng {
  readonly rng: Rng;
  /** How `values` were drawn; undefined for any other array. */
  recipeOf(values: object): Recipe | undefined;
}

/** Wraps the streams under `root` so that what is drawn while tracing can be drawn anew for every step. */
export function recordDraws(root: Rng): RecordingRng {
  const recipes = new WeakMap<object, Recipe>();

  const remember = (values: Float32Array, recipe: Recipe): Float32Array => {
    recipes.set(values, recipe);
    // Layers turn uniform numbers into masks with map: what comes out is a draw as well.
    const map: Float32Array["map"] = (f, self) => {
      const turn = (v: Float32Array) => Float32Array.prototype.map.call(v, f, self) as Float32Array<ArrayBuffer>;
      return remember(turn(values), (other) => turn(recipe(other))) as Float32Array<ArrayBuffer>;
    };
    return Object.defineProperty(values, "map", { value: map });
  };

  const wrap = (stream: Rng, derive: (root: Rng) => Rng): Rng => ({
    at: (path) => wrap(stream.at(path), (other) => derive(other).at(path)),
    uint32: (n) => stream.uint32(n),
    uniform: (n) => remember(stream.uniform(n), (other) => derive(other).uniform(n)),
    normal: (n) => remember(stream.normal(n), (other) => derive(other).normal(n)),
    truncatedNormal: (n, low, high) =>
      remember(stream.truncatedNormal(n, low, high), (other) => derive(other).truncatedNormal(n, low, high)),
    permutation: (n) => stream.permutation(n),
  });

  return { rng: wrap(root, (other) => other), recipeOf: (values) => recipes.get(values) };
}
