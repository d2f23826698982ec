import type { DType } from "./dtype.ts";
import { isBuilt } from "./pickle/recipes.ts";
import type { Built, Value } from "./pickle/values.ts";

/** torch's classes of storages, wherever they were (`torch.cuda.FloatStorage` too). */
export const STORAGE_TYPES: Readonly<Record<string, DType>> = {
  DoubleStorage: "F64",
  FloatStorage: "F32",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
  ComplexFloatStorage: "C64",
};

/** torch's dtypes, where a tensor states its own. */
export const TORCH_DTYPES: Readonly<Record<string, DType>> = {
  float64: "F64",
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint64: "U64",
  uint32: "U32",
  uint16: "U16",
  uint8: "U8",
  bool: "BOOL",
  complex64: "C64",
  float8_e4m3fn: "F8_E4M3",
  float8_e5m2: "F8_E5M2",
  float8_e8m0fnu: "F8_E8M0",
  float8_e4m3fnuz: "F8_E4M3FNUZ",
  float8_e5m2fnuz: "F8_E5M2FNUZ",
};

/** A storage that a pickle refers to; its bytes lie elsewhere in the file. */
export interface TorchStorage extends Built {
  readonly kind: "a torch storage";
  readonly key: string;
  /** Of its elements; undefined for bytes of no type. */
  readonly dtype: DType | undefined;
  /** Elements, or bytes where it has no type. */
  readonly numel: number;
  /** Where it is a part of the storage under `key`: from which element, how many. */
  readonly view: { readonly offset: number; readonly numel: number } | undefined;
}

/** A tensor as a pickle describes it. Nothing of it has been held against its storage yet. */
export interface TorchTensor extends Built {
  readonly kind: "a tensor";
  readonly dtype: DType;
  readonly storage: TorchStorage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

export function isStorage(value: Value | undefined): value is TorchStorage {
  return isBuilt(value) && value.kind === "a torch storage";
}

export function isTensor(value: Value | undefined): value is TorchTensor {
  return isBuilt(value) && value.kind === "a tensor";
}
