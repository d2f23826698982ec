import type { CheckpointTensor } from "../tensor.ts";

/** Names to tensors. */
export type Tensors = ReadonlyMap<string, CheckpointTensor>;

/** What is done to the values on the way to torch's layout. Nothing is moved before a tensor is read. */
export type Layout =
  | "same"
  | "hwio" // a kernel [h, w, in, out] -> [out, in, h, w]
  | "io" // a matrix [in, out] -> [out, in]
  | "heads-in" // [in, heads, d] -> [heads * d, in]
  | "heads-out" // [heads, d, out] -> [out, heads * d]
  | "flat"; // any shape -> one axis

/**
 * One line of a name map. In names, `{i}` and other single letters stand for a whole number, `{wb}` for weight or bias,
 * `{bn}` for a BatchNorm's five tensors; `{s+1}` in the second name is one more. Several first names are stacked along
 * the first axis, in the order given. No second name: the tensor is left out, and that is said.
 */
export type NameRule = readonly [from: string | readonly string[], to: string | undefined, layout?: Layout];

/** How one library names one family of models, as data. */
export interface NameMap {
  readonly id: string;
  /** For people: whose names these are, "those of transformers' ViT". */
  readonly title: string;
  /** What all names may begin with; the first under which the signature is found counts. */
  readonly prefixes: readonly string[];
  /** Names that are there in every checkpoint of the family and in no other. */
  readonly signature: readonly string[];
  readonly rules: readonly NameRule[];
}

/** A family under timm's own names, and the other names under which people keep its classifier. */
export interface TimmFamily {
  readonly id: "resnet" | "vit" | "vit-hybrid";
  readonly title: string;
  readonly signature: readonly string[];
  readonly head: string;
  readonly otherHeads: readonly string[];
}
