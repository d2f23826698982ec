/**
 * Reads pickles of the protocols 0 to 5 without importing or calling anything: a global is a name, and what a call of it
 * would have made is an inert object, unless `build` has a recipe for it (an OrderedDict, a tensor, a numpy array).
 * Opcodes: CPython's Lib/pickletools.py, https://docs.python.org/3/library/pickletools.html
 *
 * Time and memory are linear in the bytes that were read. Values point at each other as the pickle says, so they may
 * loop; nothing here follows them.
 */
import { compound } from "./compounds.ts";
import { Machine, type Recipes } from "./machine.ts";
import type { ByteReader } from "./reader.ts";
import { scalar } from "./scalars.ts";
import type { Value } from "./values.ts";

export type { Recipes } from "./machine.ts";

/** Opcodes in one pickle. A checkpoint takes some 25 a tensor. */
const MAX_STEPS = 2 ** 22;
const STOP = 0x2e;

/** Reads one pickle, up to its STOP. */
export function unpickle(reader: ByteReader, recipes: Recipes, file?: string): Value {
  const machine = new Machine(reader, recipes, file);
  for (let steps = 0; steps < MAX_STEPS; steps++) {
    const op = reader.byte();
    if (op === STOP) return machine.pop();
    if (!scalar(machine, op)) compound(machine, op);
  }
  return machine.fail(`has over ${MAX_STEPS} steps: no checkpoint needs as many`);
}
