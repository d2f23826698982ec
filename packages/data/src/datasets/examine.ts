import { createHash } from "node:crypto";
import { decode } from "../decode.ts";
import type { Image } from "../image.ts";
import { kindOf } from "../probe.ts";
import { resize } from "../resize.ts";
import { reasonOf } from "./errors.ts";
import { perceptualHash } from "./perceptual-hash.ts";
import type { SampleReader } from "./sample.ts";
import type { SampleSource } from "./types.ts";

/** What to find out: each costs more than the one before. */
export type Depth =
  /** the SHA-256 of the content */
  | "hash"
  /** whether it decodes */
  | "decode"
  /** all of it: size, mode, hashes, a small copy */
  | "full";

/** How samples are looked at. */
export interface ExamineSettings {
  readonly depth: Depth;
  readonly maxPixels: number | undefined;
}

/** A sample to look at. */
export interface Task {
  readonly name: string;
  readonly source: SampleSource;
}

/** What a picture is; only with depth "full". */
export interface Facts {
  /** `pixels` for a format of raw pixels. */
  readonly kind: string;
  /** Grey, colour, palette, CMYK; alpha and 16 bits where they are there. */
  readonly mode: string;
  /** As decoded: turned as EXIF says. */
  readonly width: number;
  readonly height: number;
  readonly perceptual: readonly [number, number];
  /** RGB of 16 x 16 pixels. */
  readonly thumb: Uint8Array;
}

/** What was found of one sample. */
export interface Finding {
  /** In hexadecimal; absent with depth "decode", and where the bytes could not be read. */
  readonly hash?: string;
  readonly facts?: Facts;
  /** Why it is bad; absent where it is good. */
  readonly reason?: string;
}

/** Sides of {@link Facts.thumb}. */
export const THUMB = 16;

/** Looks at one sample. What is wrong with it is an answer, not an error. */
export async function examine(
  { name, source }: Task,
  { depth, maxPixels }: ExamineSettings,
  reader: SampleReader,
): Promise<Finding> {
  if (source.kind === "pixels") {
    const { image } = source;
    const hash = depth === "decode" ? {} : { hash: hashOf(image.data, `${image.width}x${image.height}`) };
    return depth === "full" ? { ...hash, facts: factsOf(image, "pixels", isGrey(image) ? "grey" : "rgb") } : hash;
  }
  let found: Finding = {};
  try {
    const bytes = await reader.bytes(source, name);
    if (depth !== "decode") found = { hash: hashOf(bytes, "") };
    if (depth === "hash") return found;
    const image = await decode(bytes, { name, maxPixels });
    if (depth === "decode") return found;
    return { ...found, facts: factsOf(image, kindOf(bytes) ?? "unknown", await modeOf(bytes)) };
  } catch (cause) {
    return { ...found, reason: because(cause, name) };
  }
}

/** An error's reason without the name, which stands beside it. */
function because(cause: unknown, name: string): string {
  const reason = reasonOf(cause);
  return reason.startsWith(`${name}: `) ? reason.slice(name.length + 2) : reason;
}

function hashOf(bytes: Uint8Array, prefix: string): string {
  return createHash("sha256").update(prefix).update(bytes).digest("hex");
}

function factsOf(image: Image, kind: string, mode: string): Facts {
  return {
    kind,
    mode,
    width: image.width,
    height: image.height,
    perceptual: perceptualHash(image),
    thumb: resize(image, THUMB, THUMB, { filter: "box" }).data,
  };
}

function isGrey({ data }: Image): boolean {
  for (let i = 0; i < data.length; i += 3) if (data[i] !== data[i + 1] || data[i] !== data[i + 2]) return false;
  return true;
}

/** How the colours are stored, which is what decoders differ in. */
async function modeOf(bytes: Uint8Array): Promise<string> {
  const { default: sharp } = await import("sharp");
  const { space, depth, hasAlpha, isPalette, pages } = await sharp(bytes).metadata();
  const words = [
    isPalette ? "palette" : space === "cmyk" ? "cmyk" : space === "b-w" || space === "grey16" ? "grey" : "rgb",
  ];
  if (hasAlpha) words.push("alpha");
  if (depth === "ushort" || depth === "short") words.push("16-bit");
  if (depth === "float" || depth === "double") words.push("float");
  if ((pages ?? 1) > 1) words.push("animated");
  return words.join(" ");
}
