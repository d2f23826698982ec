/** The values that pickles write as text or as bytes of any length. */

/** A number as it is, or as a bigint beyond 2^53; undefined where the text is no whole number. */
export function integerOf(text: string): number | bigint | undefined {
  if (!/^[+-]?\d{1,5000}$/.test(text.trim())) return undefined;
  const n = Number(text);
  return Number.isSafeInteger(n) ? n : BigInt(text.trim().replace(/^\+/, ""));
}

/** Little-endian two's complement of any length. */
export function longOf(bytes: Uint8Array): number | bigint {
  if (bytes.byteLength === 0) return 0;
  let hex = "";
  for (let i = bytes.byteLength - 1; i >= 0; i--) hex += (bytes[i] as number).toString(16).padStart(2, "0");
  const value = BigInt.asIntN(8 * bytes.byteLength, BigInt(`0x${hex}`));
  const n = Number(value);
  return Number.isSafeInteger(n) ? n : value;
}

export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return text;
}

let decoder: TextDecoder | undefined; // made at the first use: a pickle has thousands of strings

/** Bytes that are no UTF-8 (Python writes lone surrogates) come out as U+FFFD. */
export function utf8(bytes: Uint8Array): string {
  decoder ??= new TextDecoder("utf-8", { ignoreBOM: true });
  return decoder.decode(bytes);
}

/** Python 2's `repr` of a string; undefined without its quotes. Escapes are decoded, others stay. */
export function unquote(text: string): string | undefined {
  const quoted = /^(["'])(.*)\1$/s.exec(text.trim());
  const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "\\": "\\", "'": "'", '"': '"' };
  return quoted?.[2]?.replace(/\\(x[0-9a-f]{2}|[nrt\\'"])/g, (_, e: string) =>
    e[0] === "x" ? String.fromCharCode(Number.parseInt(e.slice(1), 16)) : (escapes[e] as string),
  );
}

/** Python's raw-unicode-escape: `\uXXXX` and `\UXXXXXXXX`, all else is Latin-1. */
export function unescapeRaw(text: string): string {
  return text.replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (all, short?: string, long?: string) => {
    const code = Number.parseInt((short ?? long) as string, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
}
