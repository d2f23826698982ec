/** The three samplers of Geometry.c. What lies outside of the picture is left as it is in `out`. */
import type { Matrix } from "./affine.ts";

/** Pillow's COORD: the whole part, -1 for all that is below 0. */
const coordinate = (v: number): number => (v < 0 ? -1 : Math.trunc(v));

/** The pixel under each centre: ImagingScaleAffine where the axes stay, affine_fixed (16.16 fixed point) else. */
export function sampleNearest(src: Uint8Array, out: Uint8Array, width: number, height: number, m: Matrix): void {
  const copy = (o: number, x: number, y: number): void => {
    const p = (y * width + x) * 3;
    out[o] = src[p] as number;
    out[o + 1] = src[p + 1] as number;
    out[o + 2] = src[p + 2] as number;
  };
  const [a, b, c, d, e, f] = m;
  if (b === 0 && d === 0) {
    // Positions are summed step by step, rounding as they go.
    const columns = new Int32Array(width);
    let at = c + a * 0.5;
    for (let x = 0; x < width; x++, at += a) columns[x] = coordinate(at);
    at = f + e * 0.5;
    for (let y = 0, o = 0; y < height; y++, at += e) {
      const row = coordinate(at);
      for (let x = 0; x < width; x++, o += 3) {
        const column = columns[x] as number;
        if (row >= 0 && row < height && column >= 0 && column < width) copy(o, column, row);
      }
    }
    return;
  }
  const corners = [0, width].flatMap((x) => [0, height].map((y) => [x, y] as const));
  const fits = corners.every(([x, y]) => Math.abs(x * a + y * b + c) < 32768 && Math.abs(x * d + y * e + f) < 32768);
  const one = fits ? 65536 : 1; // else in doubles
  const fix = (v: number): number => (fits ? Math.floor(v * 65536 + 0.5) : v);
  const [fa, fb, fd, fe] = [fix(a), fix(b), fix(d), fix(e)];
  let startX = fits ? fix(c + a * 0.5 + b * 0.5) : c + b * 0.5 + a * 0.5;
  let startY = fits ? fix(f + d * 0.5 + e * 0.5) : f + e * 0.5 + d * 0.5;
  for (let y = 0, o = 0; y < height; y++, startX += fb, startY += fe) {
    let xx = startX;
    let yy = startY;
    for (let x = 0; x < width; x++, o += 3, xx += fa, yy += fd) {
      if (xx < 0 || yy < 0) continue;
      const column = Math.trunc(xx / one);
      const row = Math.trunc(yy / one);
      if (column < width && row < height) copy(o, column, row);
    }
  }
}

/** Linear between the four neighbours, in doubles; the fraction is dropped. */
export function sampleBilinear(src: Uint8Array, out: Uint8Array, width: number, height: number, m: Matrix): void {
  const [a, b, c, d, e, f] = m;
  const line = width * 3;
  for (let y = 0, o = 0; y < height; y++) {
    const yOut = y + 0.5;
    for (let x = 0; x < width; x++, o += 3) {
      const xOut = x + 0.5;
      let xIn = a * xOut + b * yOut + c;
      let yIn = d * xOut + e * yOut + f;
      if (!(xIn >= 0 && xIn < width && yIn >= 0 && yIn < height)) continue;
      xIn -= 0.5;
      yIn -= 0.5;
      const left = Math.floor(xIn);
      const top = Math.floor(yIn);
      const dx = xIn - left;
      const dy = yIn - top;
      const x0 = left < 0 ? 0 : left * 3;
      const x1 = left + 1 < width ? (left + 1) * 3 : x0;
      const row = Math.max(top, 0) * line;
      const below = top + 1 < height ? (top + 1) * line : row;
      for (let k = 0; k < 3; k++) {
        const p0 = x0 + k;
        const p1 = x1 + k;
        const u0 = src[row + p0] as number;
        const v1 = u0 + ((src[row + p1] as number) - u0) * dx;
        const w0 = src[below + p0] as number;
        const v2 = w0 + ((src[below + p1] as number) - w0) * dx;
        out[o + k] = v1 + (v2 - v1) * dy;
      }
    }
  }
}

/** Pillow's BICUBIC: the cubic through four values, a = -1. */
function cubic(v1: number, v2: number, v3: number, v4: number, d: number): number {
  const p2 = -v1 + v3;
  const p3 = 2 * (v1 - v2) + v3 - v4;
  const p4 = -v1 + v2 - v3 + v4;
  return v2 + d * (p2 + d * (p3 + d * p4));
}

/** Cubic over 4 x 4 neighbours, in doubles; cut to 0-255, the fraction dropped. */
export function sampleBicubic(src: Uint8Array, out: Uint8Array, width: number, height: number, m: Matrix): void {
  const [a, b, c, d, e, f] = m;
  const line = width * 3;
  for (let y = 0, o = 0; y < height; y++) {
    const yOut = y + 0.5;
    for (let x = 0; x < width; x++, o += 3) {
      const xOut = x + 0.5;
      let xIn = a * xOut + b * yOut + c;
      let yIn = d * xOut + e * yOut + f;
      if (!(xIn >= 0 && xIn < width && yIn >= 0 && yIn < height)) continue;
      xIn -= 0.5;
      yIn -= 0.5;
      const column = Math.floor(xIn);
      const row = Math.floor(yIn);
      const dx = xIn - column;
      const dy = yIn - row;
      const left = column - 1;
      const top = row - 1;
      const most = width - 1;
      const x0 = Math.max(left, 0) * 3;
      const x1 = (left < -1 ? 0 : left + 1) * 3;
      const x2 = (left + 2 < width ? left + 2 : most) * 3;
      const x3 = (left + 3 < width ? left + 3 : most) * 3;
      const r0 = Math.max(top, 0) * line;
      // A row beyond the picture repeats the one before it, above too: row -1 counts as row 0 there.
      const r1 = top + 1 >= 0 && top + 1 < height ? (top + 1) * line : r0;
      const r2 = top + 2 >= 0 && top + 2 < height ? (top + 2) * line : r1;
      const r3 = top + 3 >= 0 && top + 3 < height ? (top + 3) * line : r2;
      for (let k = 0; k < 3; k++) {
        const v =
          dy === 0
            ? rowAt(src, r1 + k, x0, x1, x2, x3, dx)
            : dx === 0
              ? cubic(
                  src[r0 + x1 + k] as number,
                  src[r1 + x1 + k] as number,
                  src[r2 + x1 + k] as number,
                  src[r3 + x1 + k] as number,
                  dy,
                )
              : cubic(
                  rowAt(src, r0 + k, x0, x1, x2, x3, dx),
                  rowAt(src, r1 + k, x0, x1, x2, x3, dx),
                  rowAt(src, r2 + k, x0, x1, x2, x3, dx),
                  rowAt(src, r3 + k, x0, x1, x2, x3, dx),
                  dy,
                );
        out[o + k] = Math.min(Math.max(v, 0), 255);
      }
    }
  }
}

function rowAt(src: Uint8Array, row: number, x0: number, x1: number, x2: number, x3: number, d: number): number {
  return cubic(src[row + x0] as number, src[row + x1] as number, src[row + x2] as number, src[row + x3] as number, d);
}
