/**
 * The same GIF without its first frame's transparent colour. Decoders turn that colour into black of alpha 0, and what
 * the palette says is lost; with the flag cleared they answer what is stored, which is what Pillow's RGB holds.
 * The bytes are copied only where there is such a flag.
 */
export function opaqueGif(bytes: Uint8Array): Uint8Array {
  const flags = bytes[10] ?? 0;
  let at = 13 + (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0); // behind the header and the global palette
  while (bytes[at] === 0x21) {
    const packed = at + 3;
    if (bytes[at + 1] === 0xf9 && (bytes[packed] ?? 0) & 1) {
      const copy = Uint8Array.from(bytes);
      copy[packed] = (copy[packed] as number) & 0xfe;
      return copy;
    }
    at += 2;
    while (at < bytes.length && bytes[at] !== 0) at += 1 + (bytes[at] as number); // the extension's blocks
    at++;
  }
  return bytes;
}
