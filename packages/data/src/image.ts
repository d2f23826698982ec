import { ImageError } from "./errors.ts";

/** A decoded picture: RGB, rows from the top, 3 bytes a pixel, 0-255. */
export interface Image {
  /** Pixels in a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** `[height, width, 3]`, row-major; length `width * height * 3`. */
  readonly data: Uint8Array;
}

/** A rectangle in pixels; `left` and `top` count from the top left corner. */
export interface Region {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Throws unless `data` holds `width * height` RGB pixels. */
export function assertImage(image: Image): void {
  const { width, height, data } = image;
  assertSize(width, height);
  if (data.length !== width * height * 3)
    throw new ImageError(
      "bad-argument",
      `image data: expected ${width} x ${height} x 3 = ${width * height * 3} bytes, found ${data.length}`,
    );
}

/** Throws unless both are whole numbers of at least 1. */
export function assertSize(width: number, height: number): void {
  if (!Number.isSafeInteger(width) || !Number.isSafeInteger(height) || width < 1 || height < 1)
    throw new ImageError(
      "bad-argument",
      `image size: expected whole numbers of at least 1, found width ${width}, height ${height}`,
    );
}
