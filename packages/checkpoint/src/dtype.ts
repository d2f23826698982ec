/** The stored type of a tensor's elements, as safetensors spells it. Multi-byte values are little-endian. */
export type DType =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "I64"
  | "I32"
  | "I16"
  | "I8"
  | "U64"
  | "U32"
  | "U16"
  | "U8"
  | "BOOL"
  // Read as raw bytes only:
  | "C64"
  | "F8_E4M3"
  | "F8_E5M2"
  | "F8_E8M0"
  | "F8_E4M3FNUZ"
  | "F8_E5M2FNUZ"
  | "F6_E2M3"
  | "F6_E3M2"
  | "F4";

/**
 * Bits of one element, and the rank in the order in which the reference implementation (safetensors 0.8, Rust) lays
 * tensors out: the widest alignment first. https://github.com/huggingface/safetensors
 */
const DTYPES: Readonly<Record<DType, readonly [bits: number, rank: number]>> = {
  BOOL: [8, 0],
  F4: [4, 1],
  F6_E2M3: [6, 2],
  F6_E3M2: [6, 3],
  U8: [8, 4],
  I8: [8, 5],
  F8_E5M2: [8, 6],
  F8_E4M3: [8, 7],
  F8_E8M0: [8, 8],
  F8_E4M3FNUZ: [8, 9],
  F8_E5M2FNUZ: [8, 10],
  I16: [16, 11],
  U16: [16, 12],
  F16: [16, 13],
  BF16: [16, 14],
  I32: [32, 15],
  U32: [32, 16],
  F32: [32, 17],
  C64: [64, 18],
  F64: [64, 19],
  I64: [64, 20],
  U64: [64, 21],
};

/** Whether a string names a stored type. */
export function isDType(name: string): name is DType {
  return Object.hasOwn(DTYPES, name);
}

/** The size of one element in bits: 6 and 4 for the kinds that are packed, otherwise a multiple of 8. */
export function bitsOf(dtype: DType): number {
  return DTYPES[dtype][0];
}

/** Where tensors of this type stand in a file: a higher rank comes first. */
export function layoutRank(dtype: DType): number {
  return DTYPES[dtype][1];
}

/** The types that `encodeSafetensors({ dtype })` converts; integers and booleans stay what they are. */
export function isFloat(dtype: DType): dtype is "F64" | "F32" | "F16" | "BF16" {
  return dtype === "F64" || dtype === "F32" || dtype === "F16" || dtype === "BF16";
}

/** The number of elements of a shape; 1 for `[]`. `undefined` where it is over 2^53. */
export function sizeOf(shape: readonly number[]): number | undefined {
  if (shape.includes(0)) return 0;
  let size = 1;
  for (const d of shape) {
    size *= d;
    if (size > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return size;
}
