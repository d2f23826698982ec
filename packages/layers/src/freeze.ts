import type { LayerOrder } from "./spec.ts";

/**
 * For `compileStep`'s `frozen`: all but the classifier stays as it is, a linear probe.
 *
 * @param head the classifier's path, `spec.head`
 */
export function allButHead(head: string): (name: string) => boolean {
  return (name) => name !== head && !name.startsWith(`${head}.`);
}

/**
 * For `compileStep`'s `frozen`: only the classifier and the `count` blocks before it train (stages, with a coarse order).
 *
 * @example
 * const frozen = allButLast(vit_tiny_patch16_224.layers(model.config), 2);
 */
export function allButLast({ numLayers, layerOf }: LayerOrder, count: number): (name: string) => boolean {
  if (!Number.isInteger(count) || count < 0 || count > numLayers - 2) {
    throw new RangeError(`blocks to train: expected 0 to ${numLayers - 2}, found ${count}`);
  }
  return (name) => layerOf(name) < numLayers - 1 - count;
}
