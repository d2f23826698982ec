/**
 * fp16 and bf16 to fp32 and back: exact one way, rounded to nearest even the other, NaN payloads kept where they fit.
 * IEEE 754-2008 binary16 (1 sign, 5 exponent, 10 mantissa bits) and the upper half of a binary32.
 */

let halfTable: Uint32Array | undefined; // 256 KB, built at the first use

/** fp32's bits for each of the 65,536 fp16 values. */
function table(): Uint32Array {
  if (halfTable !== undefined) return halfTable;
  const t = new Uint32Array(65_536);
  for (let h = 0; h < 65_536; h++) t[h] = float32Bits(h);
  halfTable = t;
  return t;
}

function float32Bits(h: number): number {
  const sign = (h & 0x8000) << 16;
  const exponent = (h >> 10) & 31;
  let mantissa = h & 0x3ff;
  if (exponent === 31) return (sign | 0x7f800000 | (mantissa << 13)) >>> 0;
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (mantissa << 13)) >>> 0;
  if (mantissa === 0) return sign >>> 0;
  let e = 113; // subnormal: shift the leading one out
  while ((mantissa & 0x400) === 0) {
    mantissa <<= 1;
    e--;
  }
  return (sign | (e << 23) | ((mantissa & 0x3ff) << 13)) >>> 0;
}

/** fp16 bits for an fp32's bits. */
function halfBits(x: number): number {
  const sign = (x >>> 16) & 0x8000;
  const e = x & 0x7fffffff;
  if (e > 0x7f800000) return sign | 0x7c00 | ((e >> 13) & 0x3ff || 1); // a NaN stays one when its payload is cut
  if (e >= 0x47800000) return sign | 0x7c00; // 65,536 and more; 65,520 to 65,536 carry into infinity below
  if (e >= 0x38800000) {
    const r = e - 0x38000000; // exponent bias 127 -> 15
    return sign | ((r + 0xfff + ((r >> 13) & 1)) >> 13);
  }
  if (e <= 0x33000000) return sign; // 2^-25 is half of the least subnormal: a tie, and zero is even
  const shift = 126 - (e >> 23);
  const m = (e & 0x7fffff) | 0x800000;
  return sign | ((m + (1 << (shift - 1)) - 1 + ((m >> shift) & 1)) >> shift);
}

/** fp16 to fp32. Exact; a NaN keeps its payload. */
export function decodeFloat16(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const t = table();
  const out = new Uint32Array(halves.length); // as bits: a float array may lose the payload of a NaN
  for (let i = 0; i < halves.length; i++) out[i] = t[halves[i] as number] as number;
  return new Float32Array(out.buffer);
}

/** fp32 to fp16, rounded to nearest even; 65,520 and more become infinity. */
export function encodeFloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = halfBits(bits[i] as number);
  return out;
}

/** bf16 to fp32. Exact; a NaN keeps its payload. */
export function decodeBfloat16(values: Uint16Array): Float32Array<ArrayBuffer> {
  const out = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = (values[i] as number) << 16;
  return new Float32Array(out.buffer);
}

/** fp32 to bf16, rounded to nearest even. */
export function encodeBfloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const x = bits[i] as number;
    const nan = (x & 0x7fffffff) > 0x7f800000;
    out[i] = nan ? (x >>> 16) | ((x & 0x7f0000) === 0 ? 1 : 0) : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
  }
  return out;
}
