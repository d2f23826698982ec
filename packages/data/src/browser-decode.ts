import { assertPixels, type DecodeOptions } from "./decode-options.ts";
import { ImageError } from "./errors.ts";
import { fillOutside, firstFrame } from "./gif.ts";
import type { Image } from "./image.ts";
import { orient, withoutOrientation } from "./orientation.ts";
import { toRgb } from "./pixels.ts";
import { decodePng } from "./png.ts";
import { type ImageKind, probe } from "./probe.ts";
import { ascii } from "./probe-bytes.ts";
import { hasJpegEnd, jpegComponents } from "./probe-jpeg.ts";

/**
 * Decodes a JPEG, PNG, WebP, AVIF or GIF to RGB bytes in a browser, on a page or in a worker. The same contract as in
 * Node, with the exceptions that this package's README lists: TIFF is not decoded, CMYK JPEGs are converted by the
 * browser, and lossy kinds are decoded by the browser's own decoders.
 *
 * @param source - the file's bytes, a Blob or File, or a URL to fetch
 * @returns `[height, width, 3]`, 0-255
 * @throws ImageError with a `code`, naming the file
 */
export async function decode(source: Uint8Array | Blob | string | URL, options: DecodeOptions = {}): Promise<Image> {
  if (source instanceof Uint8Array) return decodeBytes(source, options);
  if (source instanceof Blob) {
    const name = options.name ?? (source as Partial<File>).name;
    return decodeBytes(new Uint8Array(await source.arrayBuffer()), { ...options, name });
  }
  const name = options.name ?? String(source);
  let bytes: Uint8Array;
  try {
    const response = await fetch(source);
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw new ImageError("unreadable-file", `${name}: ${(cause as Error).message}`, { file: name, cause });
  }
  return decodeBytes(bytes, { ...options, name });
}

async function decodeBytes(bytes: Uint8Array, options: DecodeOptions): Promise<Image> {
  const { name, orientation = true, icc = false } = options;
  const { kind } = assertPixels(probe(bytes, { name }), options);
  if (kind === "tiff")
    throw new ImageError("unsupported-image", `${name ?? "image"}: browsers do not decode TIFF; convert it to PNG`, {
      file: name,
    });
  try {
    if (kind === "png" && !icc) return await decodePng(bytes, orientation);
    if (kind === "gif") {
      const frame = firstFrame(bytes);
      return fillOutside(await native(frame.bytes, kind, icc), frame);
    }
    if (kind !== "jpeg" && kind !== "webp") return await native(bytes, kind, icc);
    const upright = withoutOrientation(kind, bytes);
    const image = await (kind === "jpeg" ? nativeJpeg(upright.bytes, icc) : native(upright.bytes, kind, icc));
    return orientation ? orient(image, upright.orientation) : image;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ImageError("corrupt-image", `${name ?? "image"}: a damaged or cut ${kind.toUpperCase()}: ${reason}`, {
      file: name,
      cause,
    });
  }
}

/**
 * A JPEG that lacks nothing but its end mark is whole; one that was cut is not, but with the mark in place browsers fill
 * what is missing and do not say so. So different bytes are put where the rest would be: a whole picture does not read
 * them and stays the same.
 */
async function nativeJpeg(bytes: Uint8Array, icc: boolean): Promise<Image> {
  if (hasJpegEnd(bytes)) return native(bytes, "jpeg", icc);
  const ended = (fill: number, length: number): Uint8Array => {
    const out = new Uint8Array(bytes.length + length + 2).fill(fill);
    out.set(bytes);
    out.set([0xff, 0xd9], bytes.length + length);
    return out;
  };
  const image = await native(ended(0, 0), "jpeg", icc);
  for (const fill of [0x55, 0xaa]) {
    const { data } = await native(ended(fill, 64), "jpeg", icc);
    if (data.some((v, i) => v !== image.data[i])) throw new Error("premature end of JPEG image");
  }
  return image;
}

/** Whether a canvas may be used: it multiplies by alpha and divides again, which loses colour. */
function isOpaque(kind: ImageKind, bytes: Uint8Array): boolean {
  if (kind === "jpeg") return jpegComponents(bytes) !== undefined;
  if (kind === "gif") return true; // made so
  if (kind !== "webp") return false;
  const chunk = ascii(bytes, 12, 4);
  if (chunk === "VP8 ") return true;
  return chunk === "VP8X" && ((bytes[20] ?? 0) & 0x10) === 0;
}

async function native(bytes: Uint8Array, kind: ImageKind, icc: boolean): Promise<Image> {
  const blob = new Blob([bytes as BlobPart], { type: `image/${kind}` });
  const bitmap = await createImageBitmap(blob, {
    premultiplyAlpha: "none",
    colorSpaceConversion: icc ? "default" : "none",
  });
  try {
    const { width, height } = bitmap;
    const rgba = isOpaque(kind, bytes) ? fromCanvas(bitmap) : fromTexture(bitmap);
    return { width, height, data: toRgb(rgba, 4, width * height) };
  } finally {
    bitmap.close();
  }
}

function fromCanvas(bitmap: ImageBitmap): Uint8Array {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("no canvas to read pixels from");
  context.drawImage(bitmap, 0, 0);
  return new Uint8Array(context.getImageData(0, 0, width, height).data.buffer);
}

/** Through a WebGL texture, which takes the pixels as they are, in tiles of what the device allows. */
function fromTexture(bitmap: ImageBitmap): Uint8Array {
  const { width, height } = bitmap;
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2", { premultipliedAlpha: false });
  if (!gl) throw new Error("WebGL 2 is needed to read a picture with transparency");
  const most = gl.getParameter(gl.MAX_TEXTURE_SIZE) as number;
  if (width > most || height > most)
    throw new Error(`${width} x ${height} pixels with transparency; this device reads at most ${most} x ${most}`);
  const out = new Uint8Array(width * height * 4);
  gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferTexture2D(
    gl.FRAMEBUFFER,
    gl.COLOR_ATTACHMENT0,
    gl.TEXTURE_2D,
    gl.getParameter(gl.TEXTURE_BINDING_2D),
    0,
  );
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, out);
  const failed = gl.getError() !== gl.NO_ERROR;
  gl.getExtension("WEBGL_lose_context")?.loseContext(); // a page gets few contexts
  if (failed) throw new Error("WebGL could not read the picture back");
  return out;
}
