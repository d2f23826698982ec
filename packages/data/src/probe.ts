import { ImageError } from "./errors.ts";
import { probeAvif } from "./probe-avif.ts";
import { ascii, be16, be32, le16, le24, type Size } from "./probe-bytes.ts";
import { probeJpeg } from "./probe-jpeg.ts";
import { probeTiff } from "./probe-tiff.ts";

/** The kinds of picture that are decoded. */
export type ImageKind = "jpeg" | "png" | "webp" | "avif" | "gif" | "tiff";

/** What a picture's first bytes say. */
export interface Probe {
  readonly kind: ImageKind;
  /** Pixels in a row as stored, before any EXIF orientation. */
  readonly width: number;
  /** Rows as stored, before any EXIF orientation. */
  readonly height: number;
}

/** The kind that the first bytes tell, whatever the file is called; undefined for anything else. */
export function kindOf(b: Uint8Array): ImageKind | undefined {
  if (b[0] === 0xff && b[1] === 0xd8 && b[2] === 0xff) return "jpeg";
  if (ascii(b, 0, 8) === "\x89PNG\r\n\x1a\n") return "png";
  if (ascii(b, 0, 4) === "RIFF" && ascii(b, 8, 4) === "WEBP") return "webp";
  const gif = ascii(b, 0, 6);
  if (gif === "GIF87a" || gif === "GIF89a") return "gif";
  const tiff = ascii(b, 0, 4);
  if (tiff === "II*\0" || tiff === "MM\0*" || tiff === "II+\0" || tiff === "MM\0+") return "tiff";
  if (ascii(b, 4, 4) === "ftyp" && isAvif(b)) return "avif";
  return undefined;
}

/** True where the major or a compatible brand is AVIF's. */
function isAvif(b: Uint8Array): boolean {
  const end = Math.min(be32(b, 0), b.length, 256);
  for (let at = 8; at + 4 <= end; at += 4) {
    if (at === 12) continue; // the minor version, no brand
    const brand = ascii(b, at, 4);
    if (brand === "avif" || brand === "avis") return true;
  }
  return false;
}

/**
 * Reads kind and size from a picture's header, without decoding and without allocating. A size is reported as it stands
 * in the file: check it before anything is allocated for it.
 *
 * @param bytes - the file, or enough of its beginning
 * @param options - `name` is put into errors
 * @throws ImageError `empty-file`, `not-an-image`, `unsupported-image` or `corrupt-image`
 */
export function probe(bytes: Uint8Array, { name }: { name?: string | undefined } = {}): Probe {
  const label = name ?? "image";
  if (bytes.length === 0) throw new ImageError("empty-file", `${label}: the file is empty (0 bytes)`, { file: name });
  const kind = kindOf(bytes);
  if (kind === undefined) throw unknownKind(bytes, name);
  const size = sizeOf(kind, bytes);
  if (size === undefined)
    throw new ImageError("corrupt-image", `${label}: a ${kind.toUpperCase()} whose header is cut off or damaged`, {
      file: name,
    });
  if (size.width < 1 || size.height < 1)
    throw new ImageError(
      "corrupt-image",
      `${label}: a ${kind.toUpperCase()} of ${size.width} x ${size.height} pixels`,
      {
        file: name,
      },
    );
  return { kind, width: size.width, height: size.height };
}

function sizeOf(kind: ImageKind, b: Uint8Array): Size | undefined {
  switch (kind) {
    case "jpeg":
      return probeJpeg(b);
    case "png":
      // IHDR is the first chunk by definition: its width and height are bytes 16 to 23.
      return b.length >= 24 && ascii(b, 12, 4) === "IHDR" ? { width: be32(b, 16), height: be32(b, 20) } : undefined;
    case "gif":
      return b.length >= 10 ? { width: le16(b, 6), height: le16(b, 8) } : undefined;
    case "webp":
      return probeWebp(b);
    case "tiff":
      return probeTiff(b);
    case "avif":
      return probeAvif(b);
  }
}

/** RFC 9649: VP8X gives the canvas, else the one frame gives its size. */
function probeWebp(b: Uint8Array): Size | undefined {
  if (b.length < 30) return undefined;
  switch (ascii(b, 12, 4)) {
    case "VP8X":
      return { width: le24(b, 24) + 1, height: le24(b, 27) + 1 };
    case "VP8L": {
      if (b[20] !== 0x2f) return undefined;
      const bits = le16(b, 21) | (le16(b, 23) << 16);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case "VP8 ":
      if (b[23] !== 0x9d || b[24] !== 0x01 || b[25] !== 0x2a) return undefined;
      return { width: le16(b, 26) & 0x3fff, height: le16(b, 28) & 0x3fff };
    default:
      return undefined;
  }
}

/** Kinds that people do hand in and that are not decoded here, by their first bytes. */
function otherKind(b: Uint8Array): string | undefined {
  const head = ascii(b, 0, 12);
  if (head.startsWith("BM")) return b.length >= 26 && be16(b, 6) === 0 ? "a BMP" : undefined;
  if (head.startsWith("\0\0\x01\0")) return "an icon (ICO)";
  if (head.startsWith("8BPS")) return "a Photoshop document";
  if (head.startsWith("%PDF")) return "a PDF";
  if (head.startsWith("\xff\x0a") || head.startsWith("\0\0\0\x0cJXL ")) return "a JPEG XL";
  if (head.startsWith("\0\0\0\x0cjP  ") || head.startsWith("\xff\x4f\xff\x51")) return "a JPEG 2000";
  if (head.startsWith("qoif")) return "a QOI";
  if (ascii(b, 4, 4) === "ftyp") return /^(hei|hev|mif1|msf1)/.test(ascii(b, 8, 4)) ? "a HEIC" : "a video";
  const text = ascii(b, 0, 512).trimStart().toLowerCase();
  if (text.startsWith("<svg") || (text.startsWith("<?xml") && text.includes("<svg"))) return "an SVG";
  return undefined;
}

function unknownKind(b: Uint8Array, name: string | undefined): ImageError {
  const label = name ?? "image";
  const kinds = "JPEG, PNG, WebP, AVIF, GIF or TIFF";
  const other = otherKind(b);
  if (other)
    return new ImageError("unsupported-image", `${label}: ${other}, which is not decoded; convert it to ${kinds}`, {
      file: name,
    });
  const head = ascii(b, 0, 16);
  const shown = /^[\x20-\x7e\s]*$/.test(head)
    ? JSON.stringify(head)
    : Array.from(b.subarray(0, 8), (v) => v.toString(16).padStart(2, "0")).join(" ");
  return new ImageError("not-an-image", `${label}: expected ${kinds}, found a file that begins with ${shown}`, {
    file: name,
  });
}
