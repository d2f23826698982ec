/**
 * The headers of tar archives: ustar, GNU's long names and POSIX's extended headers (pax), which is what Python, GNU tar and bsdtar
 * write. https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html, https://www.gnu.org/software/tar/manual/html_node/Standard.html
 */
import { DatasetError, quote } from "./errors.ts";
import type { Window } from "./window.ts";

/** A file of an archive. */
export interface TarEntry {
  readonly name: string;
  /** Where its bytes begin in the archive. */
  readonly offset: number;
  readonly size: number;
}

const BLOCK = 512;
/** Of a name or an extended header; real ones have some hundred bytes. */
const MOST_META = 1 << 20;

/**
 * The regular files of an archive, in order. Only headers are read; links, folders and devices are passed over.
 *
 * @throws DatasetError ("truncated", "corrupt") for an archive that is cut or damaged, naming where
 */
export async function* tarEntries(file: Window): AsyncGenerator<TarEntry, void, undefined> {
  const fail = (code: "truncated" | "corrupt", at: number, why: string): never => {
    throw new DatasetError(code, `${file.path}: ${why} (at byte ${at} of ${file.size})`, { file: file.path });
  };
  let longName: string | undefined;
  let pax: Pax = {};
  let at = 0;
  for (;;) {
    if (at === file.size) return; // some writers leave the empty blocks at the end out
    if (at + BLOCK > file.size) fail("truncated", at, "the archive is cut inside a header: get it again");
    const header = await file.bytes(at, BLOCK);
    if (header.every((byte) => byte === 0)) return;
    if (!checksumFits(header)) fail("corrupt", at, "expected a tar header, found other bytes: the archive is damaged");
    const type = String.fromCharCode(header[156] as number);
    const size = pax.size ?? number(header, 124, 12);
    if (!Number.isSafeInteger(size) || size < 0) fail("corrupt", at, `a file of ${size} bytes: the archive is damaged`);
    const name = longName ?? pax.path ?? shortName(header);
    const offset = at + BLOCK;
    if (offset + size > file.size)
      fail("truncated", at, `${quote(name)} has ${size} bytes and the archive ends before them: get it again`);
    at = offset + Math.ceil(size / BLOCK) * BLOCK;
    if (at > file.size) at = file.size; // the last file's padding may be missing
    if (type === "L" || type === "K" || type === "x" || type === "g") {
      if (size > MOST_META) fail("corrupt", offset, `a header of ${size} bytes, expected at most ${MOST_META}`);
      const meta = await file.bytes(offset, size);
      if (type === "L") longName = until0(meta);
      else if (type === "x") pax = paxOf(meta) ?? fail("corrupt", offset, "a damaged extended header");
      continue; // K: a link's target; g: defaults for all, among which there is neither path nor size
    }
    if (type === "S") fail("corrupt", offset, `${quote(name)} is stored sparse; write the archive without --sparse`);
    longName = undefined;
    pax = {};
    if (type === "0" || type === "\0" || type === "7") yield { name: name.replace(/^(\.\/)+/, ""), offset, size };
  }
}

/** The sum of the header's bytes, those of the sum itself counted as blanks; some old writers sum signed bytes. */
function checksumFits(header: Uint8Array): boolean {
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < BLOCK; i++) {
    const byte = i >= 148 && i < 156 ? 32 : (header[i] as number);
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  const stated = number(header, 148, 8);
  return stated === unsigned || stated === signed;
}

/** Octal text, or GNU's big-endian number where the first bit is set; NaN for anything else. */
function number(header: Uint8Array, from: number, length: number): number {
  const first = header[from] as number;
  if (first & 0x80) {
    let value = first & 0x7f;
    for (let i = 1; i < length; i++) value = value * 256 + (header[from + i] as number);
    return value;
  }
  const text = until0(header.subarray(from, from + length)).trim();
  return /^[0-7]*$/.test(text) ? Number.parseInt(text || "0", 8) : Number.NaN;
}

function shortName(header: Uint8Array): string {
  const name = until0(header.subarray(0, 100));
  const ustar = until0(header.subarray(257, 263)) === "ustar"; // GNU's magic has a blank there, and no prefix
  const prefix = ustar ? until0(header.subarray(345, 500)) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

function until0(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return utf8(end < 0 ? bytes : bytes.subarray(0, end));
}

function utf8({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString();
}

interface Pax {
  path?: string;
  size?: number;
}

/** Records "length key=value\n", the length counting itself. */
function paxOf(bytes: Uint8Array): Pax | undefined {
  const pax: Pax = {};
  for (let at = 0; at < bytes.length; ) {
    const blank = bytes.indexOf(0x20, at);
    const digits = blank < 0 ? "" : utf8(bytes.subarray(at, Math.min(blank, at + 20)));
    const length = /^\d{1,10}$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    if (end > bytes.length || end <= blank + 1) return undefined;
    const record = utf8(bytes.subarray(blank + 1, end - 1));
    const equals = record.indexOf("=");
    const value = record.slice(equals + 1);
    if (record.slice(0, equals) === "path") pax.path = value;
    if (record.slice(0, equals) === "size") pax.size = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    at = end;
  }
  return pax;
}
