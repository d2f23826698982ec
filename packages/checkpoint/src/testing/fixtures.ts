/** A safetensors file from a header of any content, for tests: nothing is checked. */
export function rawFile(header: string | object | Uint8Array, data: Uint8Array | number = 0): Uint8Array<ArrayBuffer> {
  const json =
    header instanceof Uint8Array
      ? header
      : new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = typeof data === "number" ? new Uint8Array(data) : data;
  const out = new Uint8Array(8 + json.length + bytes.length);
  new DataView(out.buffer).setBigUint64(0, BigInt(json.length), true);
  out.set(json, 8);
  out.set(bytes, 8 + json.length);
  return out;
}

/** What a call throws, or undefined. */
export function thrown(call: () => unknown): { name: string; code: string; message: string } | undefined {
  try {
    call();
  } catch (error) {
    return error as { name: string; code: string; message: string };
  }
  return undefined;
}
