import { ImageError } from "./errors.ts";
import type { Probe } from "./probe.ts";

/** How a picture is decoded; the same in Node and in browsers. */
export interface DecodeOptions {
  /** Most pixels (width x height) that are decoded; a larger picture is refused by its header. Default {@link MAX_PIXELS}. */
  readonly maxPixels?: number | undefined;
  /** Whether the EXIF orientation is applied. Default true. */
  readonly orientation?: boolean | undefined;
  /** Whether an embedded ICC profile is applied (to sRGB). Default false: the stored values count, as in Pillow. */
  readonly icc?: boolean | undefined;
  /** What errors call the picture; a path is its own name. */
  readonly name?: string | undefined;
}

/** Pillow's limit before it warns of a decompression bomb times two: where it refuses. */
export const MAX_PIXELS = 178_956_970;

/** Throws where a header promises more pixels than allowed. */
export function assertPixels(header: Probe, { maxPixels = MAX_PIXELS, name }: DecodeOptions): Probe {
  const { width, height } = header;
  if (Number.isNaN(maxPixels) || maxPixels < 1)
    throw new ImageError("bad-argument", `maxPixels: expected a number of at least 1, found ${maxPixels}`);
  if (width * height > maxPixels)
    throw new ImageError(
      "too-many-pixels",
      `${name ?? "image"}: ${width} x ${height} = ${width * height} pixels, more than the limit of ${maxPixels}; raise it with maxPixels (--max-pixels N)`,
      { file: name },
    );
  return header;
}
