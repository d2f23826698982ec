/** A width and a height in pixels, as a header states them. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

// Reads past the end give 0: a caller checks lengths where 0 would be believed.
const at = (b: Uint8Array, i: number): number => b[i] ?? 0;

/** `length` bytes from `from` as Latin-1 text; shorter at the end of the bytes. */
export function ascii(b: Uint8Array, from: number, length: number): string {
  let text = "";
  for (let i = from; i < from + length && i < b.length; i++) text += String.fromCharCode(at(b, i));
  return text;
}

export function be16(b: Uint8Array, i: number): number {
  return at(b, i) * 256 + at(b, i + 1);
}

export function be32(b: Uint8Array, i: number): number {
  return be16(b, i) * 65536 + be16(b, i + 2);
}

export function le16(b: Uint8Array, i: number): number {
  return at(b, i) + at(b, i + 1) * 256;
}

export function le24(b: Uint8Array, i: number): number {
  return le16(b, i) + at(b, i + 2) * 65536;
}

export function le32(b: Uint8Array, i: number): number {
  return le16(b, i) + le16(b, i + 2) * 65536;
}
