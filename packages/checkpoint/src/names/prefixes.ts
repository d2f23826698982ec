import { quote } from "../errors.ts";
import type { Tensors } from "./types.ts";

/** Wrappers that say nothing about a model: data parallel and torch.compile. timm takes them off too (`clean_state_dict`). */
const WRAPPERS = ["module.", "_orig_mod."] as const;
/** Attributes under which a trainer or a detector keeps a model. */
const HOLDERS = ["model.", "backbone."] as const;

/** Takes off what wrappers put before every name. */
export function stripWrappers(tensors: Tensors, notes: string[]): Tensors {
  return strip(tensors, WRAPPERS, (found, all) => found === all, notes);
}

/** Takes off what at least half of the names begin with: the rest may be a head or a loss beside the model. */
export function stripHolders(tensors: Tensors, notes: string[]): Tensors {
  return strip(tensors, [...WRAPPERS, ...HOLDERS], (found, all) => 2 * found >= all, notes);
}

/** As often as there is a prefix, and never where two names would meet. */
function strip(
  tensors: Tensors,
  prefixes: readonly string[],
  enough: (found: number, all: number) => boolean,
  notes: string[],
): Tensors {
  let current = tensors;
  for (let again = true; again; ) {
    again = false;
    for (const prefix of prefixes) {
      const has = (key: string): boolean => key.startsWith(prefix) && key !== prefix;
      const found = [...current.keys()].filter(has).length;
      if (found === 0 || !enough(found, current.size)) continue;
      const renamed = new Map([...current].map(([key, t]) => [has(key) ? key.slice(prefix.length) : key, t]));
      if (renamed.size < current.size) continue;
      current = renamed;
      notes.push(`${quote(prefix)} taken off ${found === renamed.size ? "all" : found} names`);
      again = true;
    }
  }
  return current;
}
