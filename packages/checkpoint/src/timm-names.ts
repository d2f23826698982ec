import type { Checkpoint } from "./checkpoint.ts";
import { quote } from "./errors.ts";
import { describeModel } from "./names/describe.ts";
import { otherArchitectures, timmFamilies } from "./names/families.ts";
import { googleVit } from "./names/google-vit.ts";
import { matcher } from "./names/patterns.ts";
import { stripHolders, stripWrappers } from "./names/prefixes.ts";
import { renameBy } from "./names/rename.ts";
import { torchvisionVit } from "./names/torchvision-vit.ts";
import { transformersResnet } from "./names/transformers-resnet.ts";
import { transformersVit } from "./names/transformers-vit.ts";
import type { NameMap, Tensors, TimmFamily } from "./names/types.ts";

/** A checkpoint whose tensors have timm's names, and how they came to them. */
export interface TimmCheckpoint extends Checkpoint {
  /** Whose names the file has: `"timm"`, or the id of a name map such as `"transformers-vit"`; undefined: not known. */
  readonly naming: string | undefined;
  /** The family as timm has it; undefined where it is none of those that have maps. */
  readonly family: "resnet" | "vit" | "vit-hybrid" | undefined;
  /** What it looks like, for people: `a ViT (vit_tiny_patch16_224: 12 blocks of width 192)`; undefined: not known. */
  readonly looksLike: string | undefined;
  /** Names of a known naming that its map does not list: they stay as they are, and a strict load finds them. */
  readonly unmapped: readonly string[];
}

/**
 * Gives a checkpoint's tensors timm's names and torch's layout. The naming is recognised from the names: torchvision's
 * and timm's own, transformers' ViT, DeiT and ResNet, torchvision's ViT, Google's ViT files. Prefixes of wrappers are
 * taken off, a classifier of another name gets timm's. What no map lists keeps its name, so that a strict load says it.
 * Nothing is read: a tensor that is put together of several, or that lies in another order, is made when it is used.
 *
 * @param options `name`: what to call the file in messages
 * @throws CheckpointError ("duplicate-name", "bad-tensor")
 */
export function toTimmNames(
  checkpoint: Checkpoint,
  options: { readonly name?: string | undefined } = {},
): TimmCheckpoint {
  const found = known(checkpoint.tensors, stripHolders) ?? known(checkpoint.tensors, stripWrappers);
  if (found === undefined) {
    const notes: string[] = [];
    const tensors = stripWrappers(checkpoint.tensors, notes);
    const looksLike = otherLook(tensors) ?? otherLook(checkpoint.tensors);
    return {
      ...checkpoint,
      tensors,
      notes: [...checkpoint.notes, ...notes],
      naming: undefined,
      family: undefined,
      looksLike,
      unmapped: [],
    };
  }
  const notes = [...checkpoint.notes, ...found.notes];
  let tensors = found.tensors;
  let unmapped: readonly string[] = [];
  if (found.map !== undefined) {
    const { map, prefix } = found;
    const renamed = renameBy(map, prefix, tensors, options.name);
    tensors = renamed.tensors;
    unmapped = renamed.unmapped;
    notes.push(`the names are ${map.title}; they became timm's`);
    if (renamed.dropped.length > 0) notes.push(`left out, as no classifier reads them: ${few(renamed.dropped)}`);
    if (unmapped.length > 0) notes.push(`no name of timm's is known for ${few(unmapped)}: they keep their own`);
  }
  const family = familyOf(tensors);
  if (family) tensors = renameHead(tensors, family, notes);
  return {
    ...checkpoint,
    tensors,
    notes,
    naming: found.map?.id ?? "timm",
    family: family?.id,
    looksLike: family && describeModel(family, tensors),
    unmapped,
  };
}

function few(names: readonly string[]): string {
  return names.slice(0, 8).map(quote).join(", ") + (names.length > 8 ? `, and ${names.length - 8} more` : "");
}

/** A naming that is found once prefixes are off. */
interface Known {
  readonly tensors: Tensors;
  readonly notes: readonly string[];
  /** Undefined where the names are timm's already. */
  readonly map: NameMap | undefined;
  readonly prefix: string;
}

function known(stored: Tensors, strip: (tensors: Tensors, notes: string[]) => Tensors): Known | undefined {
  const notes: string[] = [];
  const tensors = strip(stored, notes);
  for (const map of [...transformersVit(), transformersResnet, torchvisionVit, ...googleVit()]) {
    const prefix = map.prefixes.find((p) => hasAll(tensors, map.signature, p));
    if (prefix !== undefined) return { tensors, notes, map, prefix };
  }
  return familyOf(tensors) && { tensors, notes, map: undefined, prefix: "" };
}

function familyOf(tensors: Tensors): TimmFamily | undefined {
  return timmFamilies.find(({ signature }) => hasAll(tensors, signature, ""));
}

/** Whether all names of a signature are there, and none of those behind a `!`. */
function hasAll(tensors: Tensors, signature: readonly string[], prefix: string): boolean {
  return signature.every((pattern) => {
    if (pattern.startsWith("!")) return !tensors.has(prefix + pattern.slice(1));
    if (!pattern.includes("{")) return tensors.has(prefix + pattern);
    const matches = matcher(prefix + pattern);
    return [...tensors.keys()].some((key) => matches(key) !== undefined);
  });
}

/** One classifier under another name gets timm's; where there are several, which is meant is not ours to guess. */
function renameHead(tensors: Tensors, { head, otherHeads }: TimmFamily, notes: string[]): Tensors {
  if (tensors.has(`${head}.weight`)) return tensors;
  const others = otherHeads.filter((other) => other !== head && tensors.get(`${other}.weight`)?.shape.length === 2);
  const [other] = others;
  if (other === undefined || others.length > 1) return tensors;
  const [from, to] = [`${other}.`, `${head}.`];
  const mine = (key: string): boolean => key === `${from}weight` || key === `${from}bias`;
  notes.push(`the classifier ${quote(other)} is ${quote(head)} under timm's names`);
  return new Map([...tensors].map(([key, tensor]) => [mine(key) ? to + key.slice(from.length) : key, tensor]));
}

function otherLook(tensors: Tensors): string | undefined {
  return otherArchitectures.find(([, signature]) => hasAll(tensors, signature, ""))?.[0];
}
