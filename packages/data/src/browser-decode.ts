import { assertPixels, type DecodeOptions } from "./decode-options.ts";
import { ImageError } from "./errors.ts";
import { fillOutside, firstFrame } from "./gif.ts";
import type { Image } from "./image.ts";
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
      return fillOutside(await native(frame.bytes, kind, orientation, icc), frame);
    }
    return await native(kind === "jpeg" ? wholeJpeg(bytes) : bytes, kind, orientation, icc);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ImageError("corrupt-image", `${name ?? "image"}: a damaged or cut ${kind.toUpperCase()}: ${reason}`, {
      file: name,
      cause,
    });
  }
}

/** A JPEG that lacks only its end mark gets it. */
function wholeJpeg(bytes: Uint8Array): Uint8Array {
  if (hasJpegEnd(bytes)) return bytes;
  const whole = new Uint8Array(bytes.length + 2);
  whole.set(bytes);
  whole.set([0xff, 0xd9], bytes.length);
  return whole;
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

async function native(bytes: Uint8Array, kind: ImageKind, orientation: boolean, icc: boolean): Promise<Image> {
  const blob = new Blob([bytes as BlobPart], { type: `image/${kind}` });
  const bitmap = await createImageBitmap(blob, {
    premultiplyAlpha: "none",
    colorSpaceConversion: icc ? "default" : "none",
    imageOrientation: orientation ? "from-image" : ("none" as ImageOrientation),
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
