import type { DType } from "./dtype.ts";

/** A numpy type that can be read. */
export interface NumpyType {
  readonly dtype: DType;
  /** Bytes to turn round in each number; 0 where they are little-endian already. */
  readonly swap: 0 | 2 | 4 | 8;
}

const TYPES: Readonly<Record<string, DType>> = {
  b1: "BOOL",
  i1: "I8",
  u1: "U8",
  i2: "I16",
  u2: "U16",
  f2: "F16",
  i4: "I32",
  u4: "U32",
  f4: "F32",
  i8: "I64",
  u8: "U64",
  f8: "F64",
  c8: "C64",
  // What JAX's bf16 is called once numpy has saved it: two bytes of no type. timm reads it so too.
  V2: "BF16",
};

/**
 * numpy's name of a type, e.g. `<f4`, `>i8`, `|b1`.
 *
 * @returns the type, or why it makes no tensor
 */
export function numpyType(descr: string): NumpyType | string {
  const [, order = "", code = ""] = /^([<>=|]?)(\w+)$/.exec(descr) ?? [];
  if (code === "O") return "an array of Python objects";
  if (/^[US]\d*$/.test(code)) return "an array of text";
  if (/^[Mm]/.test(code)) return "an array of times";
  const dtype = Object.hasOwn(TYPES, code) ? (TYPES[code] as DType) : undefined;
  if (dtype === undefined) return `an array of the type ${JSON.stringify(descr.slice(0, 40))}`;
  const width = dtype === "C64" ? 4 : Number(code[1]); // a complex number is two
  return { dtype, swap: order === ">" && width > 1 ? (width as 2 | 4 | 8) : 0 };
}
