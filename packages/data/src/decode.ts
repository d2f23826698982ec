import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Sharp } from "sharp";
import { assertPixels, type DecodeOptions, MAX_PIXELS } from "./decode-options.ts";
import { ImageError } from "./errors.ts";
import { fillOutside, firstFrame } from "./gif.ts";
import type { Image } from "./image.ts";
import { cmykToRgb, toRgb } from "./pixels.ts";
import { probe } from "./probe.ts";
import { hasJpegEnd, jpegComponents } from "./probe-jpeg.ts";

/**
 * Decodes a JPEG, PNG, WebP, AVIF, GIF or TIFF to RGB bytes. The kind is told by content; of an animation or a
 * multi-page file the first picture counts. What counts as right is written in this package's README.
 *
 * @param source - the file's bytes, or its path or file URL
 * @returns `[height, width, 3]`, 0-255
 * @throws ImageError with a `code`, naming the file
 */
export async function decode(source: Uint8Array | string | URL, options: DecodeOptions = {}): Promise<Image> {
  const { bytes, name } = await readPicture(source, options.name);
  return decodeBytes(bytes, { ...options, name });
}

/** A picture's bytes, and what errors call it. */
export async function readPicture(
  source: Uint8Array | string | URL,
  given: string | undefined,
): Promise<{ readonly bytes: Uint8Array; readonly name: string | undefined }> {
  if (source instanceof Uint8Array) return { bytes: source, name: given };
  const path = typeof source === "string" && !source.startsWith("file://") ? source : fileURLToPath(source);
  const name = given ?? path;
  try {
    return { bytes: await readFile(path), name };
  } catch (cause) {
    throw new ImageError("unreadable-file", `${name}: ${reason(cause)}`, { file: name, cause });
  }
}

async function decodeBytes(bytes: Uint8Array, options: DecodeOptions): Promise<Image> {
  const { name, maxPixels = MAX_PIXELS, orientation = true, icc = false } = options;
  const header = probe(bytes, { name });
  assertPixels(header, options);
  // Loaded here and not above: using the package's transforms must not load a native library.
  const { default: sharp } = await import("sharp");
  const open = (input: Uint8Array, failOn: "warning" | "error"): Sharp =>
    sharp(input, {
      autoOrient: orientation,
      ignoreIcc: !icc,
      limitInputPixels: Number.isSafeInteger(maxPixels) ? maxPixels : false,
      failOn,
    });
  const cmykPossible = !icc && (header.kind === "tiff" || (header.kind === "jpeg" && jpegComponents(bytes) === 4));
  try {
    if (header.kind === "jpeg") return await decodeJpeg(bytes, open, cmykPossible);
    if (header.kind === "gif") {
      const frame = firstFrame(bytes);
      return fillOutside(await pixels(open(frame.bytes, "error"), false), frame);
    }
    return await pixels(open(header.kind === "avif" ? asStill(bytes) : bytes, "error"), cmykPossible);
  } catch (cause) {
    const kind = header.kind.toUpperCase();
    throw new ImageError("corrupt-image", `${name ?? "image"}: a damaged or cut ${kind}: ${reason(cause)}`, {
      file: name,
      cause,
    });
  }
}

/**
 * A JPEG that lacks nothing but its end mark is whole: the mark is added. With the mark in place a cut shows only as one
 * of libjpeg's warnings, so those count, but no other warning does: Pillow reads such files, and so do we.
 */
async function decodeJpeg(
  bytes: Uint8Array,
  open: (input: Uint8Array, failOn: "warning" | "error") => Sharp,
  cmykPossible: boolean,
): Promise<Image> {
  const whole = hasJpegEnd(bytes) ? bytes : Buffer.concat([bytes, Uint8Array.of(0xff, 0xd9)]);
  try {
    return await pixels(open(whole, "warning"), cmykPossible);
  } catch (cause) {
    if (await endsEarly(whole, cause, () => pixels(open(whole, "warning"), cmykPossible)))
      throw new Error("premature end of the data", { cause });
    return await pixels(open(bytes, "error"), cmykPossible);
  }
}

/**
 * Whether a warning of libjpeg's was of missing data. libvips has one place for messages for all threads: another picture may have
 * taken the message away. Of the common kind of JPEG we see for ourselves, of others libvips is asked until it says.
 */
async function endsEarly(bytes: Uint8Array, cause: unknown, again: () => Promise<Image>): Promise<boolean> {
  const { openJpeg } = await import("./jpeg/decoder.ts");
  const jpeg = openJpeg(bytes, false);
  if (jpeg) return jpeg.endsEarly();
  let said = reason(cause);
  for (let attempt = 0; attempt < 50 && !said.includes("VipsJpeg"); attempt++)
    said = await again().then(() => "", reason);
  return said.includes("premature end");
}

/** libvips knows an AVIF by its major brand alone and passes over "avis", an image sequence: its still picture is asked for. */
function asStill(bytes: Uint8Array): Uint8Array {
  if (bytes[11] !== 0x73) return bytes; // "avi[s]"
  const still = Uint8Array.from(bytes);
  still[11] = 0x66; // "avi[f]"
  return still;
}

async function pixels(input: Sharp, cmykPossible: boolean): Promise<Image> {
  const cmyk = cmykPossible && (await input.metadata()).space === "cmyk";
  // sharp converts CMYK by a profile of its own; the inks as stored are asked for instead.
  const output = cmyk ? input.pipelineColourspace("cmyk").toColourspace("cmyk") : input;
  const { data, info } = await output.raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const rgb = cmyk ? cmykToRgb(data, channels, width * height) : toRgb(data, channels, width * height);
  return { width, height, data: new Uint8Array(rgb.buffer, rgb.byteOffset, rgb.length) };
}

function reason(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.split("\n")[0] as string;
}
