import type { Image } from "@vitrail/data";
import { ClassifyError } from "./errors.ts";
import type { BlobLike, ImageDataLike, Photo } from "./types.ts";

/** How a message names a photo. */
export function photoName(photo: Photo): string {
  if (typeof photo === "string") return photo.startsWith("data:") ? "a data: address" : photo;
  if (photo instanceof URL) return photo.protocol === "data:" ? "a data: address" : photo.href;
  if (isBytes(photo)) return `${photo.byteLength} bytes`;
  if (isBlob(photo)) return String((photo as { name?: unknown }).name ?? "a blob");
  return `pixels ${photo.width} × ${photo.height}`;
}

/** Whether these are a file's bytes, still to be decoded. */
export function isBytes(photo: unknown): photo is Uint8Array | ArrayBuffer {
  return photo instanceof Uint8Array || Object.prototype.toString.call(photo) === "[object ArrayBuffer]";
}

/** Whether it can be read as a file's bytes. */
export function isBlob(photo: unknown): photo is BlobLike {
  return typeof photo === "object" && photo !== null && typeof (photo as BlobLike).arrayBuffer === "function";
}

/** Pixels, RGB or RGBA, as an RGB image. */
export function pixels(photo: Image | ImageDataLike): Image {
  const { width, height, data } = photo;
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new ClassifyError("bad-photo", `pixels of ${width} × ${height}: width and height must be at least 1`);
  }
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
    throw new ClassifyError(
      "bad-photo",
      "pixels must be a Uint8Array (RGB) or a Uint8ClampedArray (RGBA), from 0 to 255",
    );
  }
  const n = width * height;
  if (data.length === 3 * n) return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
  if (data.length !== 4 * n) {
    throw new ClassifyError(
      "bad-photo",
      `pixels of ${width} × ${height} hold ${data.length} values; expected ${3 * n} (RGB) or ${4 * n} (RGBA)`,
    );
  }
  const rgb = new Uint8Array(3 * n);
  for (let i = 0, o = 0; i < data.length; i += 4) {
    rgb[o++] = data[i] as number;
    rgb[o++] = data[i + 1] as number;
    rgb[o++] = data[i + 2] as number;
  }
  return { width, height, data: rgb };
}

/** The bytes behind an address. */
export async function fetchBytes(address: string | URL): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(address);
  } catch (cause) {
    throw new ClassifyError("bad-photo", `${photoName(address)}: cannot be fetched`, { cause });
  }
  if (!response.ok) {
    throw new ClassifyError(
      "bad-photo",
      `${photoName(address)}: the server answered ${response.status} ${response.statusText}`,
    );
  }
  return new Uint8Array(await response.arrayBuffer());
}

/** What is still to be decoded, as bytes and the name that errors call it by; pixels are given back as an image. */
export async function open(photo: Photo): Promise<{ bytes: Uint8Array; name: string | undefined } | Image> {
  if (typeof photo === "string" || photo instanceof URL) {
    return { bytes: await fetchBytes(photo), name: photoName(photo) };
  }
  if (isBytes(photo)) return { bytes: photo instanceof Uint8Array ? photo : new Uint8Array(photo), name: undefined };
  if (isBlob(photo)) return { bytes: new Uint8Array(await photo.arrayBuffer()), name: photoName(photo) };
  if (typeof photo === "object" && photo !== null) return pixels(photo);
  throw new ClassifyError("bad-photo", `a photo is a path, a URL, bytes or pixels, not ${String(photo)}`);
}
