import { crop } from "./crop.ts";
import { ImageError } from "./errors.ts";
import { type AxisWeights, assertFilter, axisWeights, type Filter, PRECISION_BITS } from "./filters.ts";
import { assertImage, assertSize, type Image, type Region } from "./image.ts";
import { type Rows, resampleWasm } from "./resample-wasm.ts";

const HALF = 1 << (PRECISION_BITS - 1);

/**
 * Resizes as Pillow's `Image.resize` does, bit for bit, antialiased when shrinking.
 *
 * Two passes, across and then down, each rounded to 8 bits (Pillow's Resample.c). `"nearest"` takes the pixel under
 * each output's centre.
 *
 * @param image - `[h, w, 3]`, 0-255
 * @param width - pixels in a row of the result
 * @param height - rows of the result
 * @param options - the filter, `"bicubic"` unless given
 * @returns `[height, width, 3]`, 0-255, in memory of its own
 */
export function resize(image: Image, width: number, height: number, options: { filter?: Filter } = {}): Image {
  return resizeRegion(image, width, height, { left: 0, top: 0, width, height }, options);
}

/**
 * The `region` of `resize(image, width, height)`, byte for byte, without computing the rest: a resize and a crop in one.
 *
 * @param region - a rectangle inside the resized picture
 * @returns `[region.height, region.width, 3]`, 0-255
 */
export function resizeRegion(
  image: Image,
  width: number,
  height: number,
  region: Region,
  options: { filter?: Filter } = {},
): Image {
  const { width: w, height: h } = image;
  return resizeWindow({ image, left: 0, top: 0, width: w, height: h }, width, height, region, options);
}

/** A part of a picture that is not there in whole. */
export interface Window {
  /** The part. */
  readonly image: Image;
  /** Where it begins in the picture. */
  readonly left: number;
  readonly top: number;
  /** The size of the picture. */
  readonly width: number;
  readonly height: number;
}

/** The part of a picture of `from` that `resizeRegion(picture, width, height, region)` looks at. */
export function windowOf(
  from: { readonly width: number; readonly height: number },
  width: number,
  height: number,
  region: Region,
  filter: Filter,
): Region {
  const axis = (inSize: number, outSize: number, start: number, length: number): readonly [number, number] => {
    if (inSize === outSize) return [start, length];
    if (filter === "nearest") {
      const table = nearestTable(inSize, outSize, start, length);
      const first = table[0] as number;
      return [first, (table[length - 1] as number) + 1 - first];
    }
    const weights = axisWeights(filter, inSize, outSize, start, length);
    const first = weights.start[0] as number;
    return [first, lastInput(weights, length) - first];
  };
  const [left, w] = axis(from.width, width, region.left, region.width);
  const [top, h] = axis(from.height, height, region.top, region.height);
  return { left, top, width: w, height: h };
}

/** {@link resizeRegion} of a picture of which only a window is there; it has to hold {@link windowOf}. */
export function resizeWindow(
  window: Window,
  width: number,
  height: number,
  region: Region,
  { filter = "bicubic" }: { filter?: Filter } = {},
): Image {
  const { image } = window;
  assertImage(image);
  assertSize(width, height);
  assertSize(region.width, region.height);
  assertFilter(filter);
  const { left, top, width: w, height: h } = region;
  if (!(left >= 0 && top >= 0 && left + w <= width && top + h <= height))
    throw new ImageError(
      "bad-argument",
      `region: expected a part of ${width} x ${height}, found ${w} x ${h} at (${left}, ${top})`,
    );
  if (filter === "nearest" && (width !== window.width || height !== window.height))
    return nearest(window, width, height, region);

  // An axis that keeps its size is not filtered, as in Pillow; all its weights would be 0 and 1 anyway.
  const down =
    filter === "nearest" || height === window.height ? undefined : axisWeights(filter, window.height, height, top, h);
  const firstRow = down ? (down.start[0] as number) : top;
  const rows = down ? lastInput(down, h) - firstRow : h; // the only rows that the second pass reads

  const across =
    filter === "nearest" || width === window.width ? undefined : axisWeights(filter, window.width, width, left, w);
  const first = firstRow - window.top;
  if (!across && !down) return crop(image, { ...region, left: left - window.left, top: first });
  // Without a pass across, the wanted columns are cut out first.
  const source = across
    ? rowsOf(image, first, rows, w)
    : cut(image, { left: left - window.left, top: first, width: w, height: rows });
  const columns = across && window.left > 0 ? shifted(across, window.left) : across;
  const data = resampleWasm(source, columns, down, firstRow) ?? resampleScript(source, columns, down, firstRow);
  return { width: w, height: h, data };
}

/** Weights whose inputs count from `first`. */
function shifted(axis: AxisWeights, first: number): AxisWeights {
  return { ...axis, start: axis.start.map((at) => at - first) };
}

/** The passes in JavaScript: where WebAssembly is missing or its memory would have to grow too much. */
export function resampleScript(
  source: Rows,
  across: AxisWeights | undefined,
  down: AxisWeights | undefined,
  firstRow: number,
): Uint8Array {
  const { data, offset, rows, width } = source;
  const middle = across ? passAcross(source, across) : data.subarray(offset, offset + rows * width * 3);
  return down ? passDown(middle, width * 3, firstRow, down) : middle;
}

function lastInput({ start, count }: AxisWeights, outputs: number): number {
  return (start[outputs - 1] as number) + (count[outputs - 1] as number);
}

function rowsOf(image: Image, first: number, rows: number, width: number): Rows {
  const stride = image.width * 3;
  return { data: image.data, offset: first * stride, stride, rows, width };
}

function cut(image: Image, region: Region): Rows {
  if (region.width === image.width) return rowsOf(image, region.top, region.height, region.width);
  return rowsOf(crop(image, region), 0, region.height, region.width);
}

function passAcross({ data: src, offset, stride: line, rows, width }: Rows, axis: AxisWeights): Uint8Array {
  const { start, count, stride, weights } = axis;
  const out = new Uint8ClampedArray(rows * width * 3); // the store clamps, as Pillow's clip8 does
  let o = 0;
  for (let y = 0; y < rows; y++) {
    const row = offset + y * line;
    for (let x = 0; x < width; x++) {
      let p = row + (start[x] as number) * 3;
      let k = x * stride;
      const end = k + (count[x] as number);
      let r = HALF;
      let g = HALF;
      let b = HALF;
      for (; k < end; k++, p += 3) {
        const c = weights[k] as number;
        r = (r + Math.imul(c, src[p] as number)) | 0;
        g = (g + Math.imul(c, src[p + 1] as number)) | 0;
        b = (b + Math.imul(c, src[p + 2] as number)) | 0;
      }
      out[o] = r >> PRECISION_BITS;
      out[o + 1] = g >> PRECISION_BITS;
      out[o + 2] = b >> PRECISION_BITS;
      o += 3;
    }
  }
  return new Uint8Array(out.buffer);
}

function passDown(src: Uint8Array, rowBytes: number, firstRow: number, axis: AxisWeights): Uint8Array {
  const { start, count, stride, weights } = axis;
  const height = start.length;
  const out = new Uint8ClampedArray(height * rowBytes);
  const sums = new Int32Array(rowBytes);
  for (let y = 0; y < height; y++) {
    const n = count[y] as number;
    sums.fill(HALF);
    let row = ((start[y] as number) - firstRow) * rowBytes;
    for (let t = 0; t < n; t++, row += rowBytes) {
      const c = weights[y * stride + t] as number;
      for (let i = 0; i < rowBytes; i++) sums[i] = ((sums[i] as number) + Math.imul(c, src[row + i] as number)) | 0;
    }
    const o = y * rowBytes;
    for (let i = 0; i < rowBytes; i++) out[o + i] = (sums[i] as number) >> PRECISION_BITS;
  }
  return new Uint8Array(out.buffer);
}

/** Pillow's ImagingScaleAffine: the position is summed step by step, rounding as it goes, not multiplied. */
function nearestTable(inSize: number, outSize: number, from: number, length: number): Int32Array {
  const step = inSize / outSize;
  const table = new Int32Array(length);
  let at = step * 0.5;
  for (let i = 0; i < from + length; i++, at += step) if (i >= from) table[i - from] = Math.trunc(at);
  return table;
}

function nearest(window: Window, width: number, height: number, region: Region): Image {
  const { image, left, top } = window;
  const xs = nearestTable(window.width, width, region.left, region.width);
  const ys = nearestTable(window.height, height, region.top, region.height);
  const data = new Uint8Array(region.width * region.height * 3);
  const src = image.data;
  let o = 0;
  for (let y = 0; y < region.height; y++) {
    const row = ((ys[y] as number) - top) * image.width - left;
    for (let x = 0; x < region.width; x++, o += 3) {
      const p = (row + (xs[x] as number)) * 3;
      data[o] = src[p] as number;
      data[o + 1] = src[p + 1] as number;
      data[o + 2] = src[p + 2] as number;
    }
  }
  return { width: region.width, height: region.height, data };
}
