// The slow parts of augmentation as Pillow computes them, four or two samples at a time: what src/augment does in JavaScript, to the
// same bytes. AssemblyScript, compiled by wasm/build.mjs. Pictures are RGB bytes; loads and stores run up to 48 bytes past their end.

/** ImageEnhance.Color: a blend of grey and the picture, in floats (Blend.c). */
export function saturate(src: i32, out: i32, pixels: i32, factor: f32): void {
  const f = f32x4.splat(factor);
  for (let x = 0; x < pixels; x += 16, src += 48, out += 48) {
    const a = v128.load(src), b = v128.load(src, 16), c = v128.load(src, 32);
    const red = v128.shuffle<i8>(v128.shuffle<i8>(a, b, 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 0, 0, 0, 0, 0), c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 20, 23, 26, 29);
    const green = v128.shuffle<i8>(v128.shuffle<i8>(a, b, 1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 0, 0, 0, 0, 0), c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 18, 21, 24, 27, 30);
    const blue = v128.shuffle<i8>(v128.shuffle<i8>(a, b, 2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 0, 0, 0, 0, 0, 0), c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 19, 22, 25, 28, 31);
    let r = red, g = green, b8 = blue;
    let rl = red, gl = green, bl = blue;
    for (let side = 0; side < 2; side++) {
      const r16 = side == 0 ? i16x8.extend_low_i8x16_u(red) : i16x8.extend_high_i8x16_u(red);
      const g16 = side == 0 ? i16x8.extend_low_i8x16_u(green) : i16x8.extend_high_i8x16_u(green);
      const b16 = side == 0 ? i16x8.extend_low_i8x16_u(blue) : i16x8.extend_high_i8x16_u(blue);
      const r0 = i32x4.extend_low_i16x8_u(r16), r1 = i32x4.extend_high_i16x8_u(r16);
      const g0 = i32x4.extend_low_i16x8_u(g16), g1 = i32x4.extend_high_i16x8_u(g16);
      const b0 = i32x4.extend_low_i16x8_u(b16), b1 = i32x4.extend_high_i16x8_u(b16);
      const y0 = luma(r0, g0, b0), y1 = luma(r1, g1, b1);
      const rr = i16x8.narrow_i32x4_s(blend(y0, r0, f), blend(y1, r1, f));
      const gg = i16x8.narrow_i32x4_s(blend(y0, g0, f), blend(y1, g1, f));
      const bb = i16x8.narrow_i32x4_s(blend(y0, b0, f), blend(y1, b1, f));
      if (side == 0) {
        rl = rr;
        gl = gg;
        bl = bb;
      } else {
        r = i8x16.narrow_i16x8_u(rl, rr);
        g = i8x16.narrow_i16x8_u(gl, gg);
        b8 = i8x16.narrow_i16x8_u(bl, bb);
      }
    }
    const low = v128.shuffle<i8>(r, g, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const high = v128.shuffle<i8>(r, g, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    v128.store(out, v128.shuffle<i8>(low, b8, 0, 1, 16, 2, 3, 17, 4, 5, 18, 6, 7, 19, 8, 9, 20, 10));
    const mixed = v128.shuffle<i8>(low, high, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 0, 0, 0, 0, 0);
    v128.store(out, v128.shuffle<i8>(mixed, b8, 0, 21, 1, 2, 22, 3, 4, 23, 5, 6, 24, 7, 8, 25, 9, 10), 16);
    v128.store(out, v128.shuffle<i8>(high, b8, 26, 6, 7, 27, 8, 9, 28, 10, 11, 29, 12, 13, 30, 14, 15, 31), 32);
  }
}

function luma(r: v128, g: v128, b: v128): v128 {
  const sum = i32x4.add(i32x4.mul(r, i32x4.splat(19595)), i32x4.mul(g, i32x4.splat(38470)));
  return i32x4.shr_u(i32x4.add(i32x4.add(sum, i32x4.mul(b, i32x4.splat(7471))), i32x4.splat(0x8000)), 16);
}

function blend(from: v128, to: v128, factor: v128): v128 {
  const step = f32x4.mul(factor, f32x4.convert_i32x4_s(i32x4.sub(to, from)));
  return i32x4.trunc_sat_f32x4_s(f32x4.add(f32x4.convert_i32x4_s(from), step));
}

/** C's round of what is not negative. */
function round(x: f64): i32 {
  const whole = floor(x);
  return <i32>whole + (x - whole >= 0.5 ? 1 : 0);
}

/**
 * Pillow's RGB to HSV, the hue turned by `shift`, and back (Convert.c). `tables`: each hue's remainder in its sixth of the circle and each
 * saturation as floats, 256 of each, then the number of the sixth, 256 bytes.
 */
export function hue(src: i32, out: i32, pixels: i32, shift: i32, tables: i32): void {
  for (const end = src + 3 * pixels; src < end; src += 3, out += 3) {
    const r = <i32>load<u8>(src), g = <i32>load<u8>(src, 1), b = <i32>load<u8>(src, 2);
    const v = max(r, max(g, b));
    const range = v - min(r, min(g, b));
    const s = range == 0 ? 0 : <i32>(<f64>(<f32>range / <f32>v) * 255.0);
    if (s == 0) {
      store<u8>(out, <u8>v);
      store<u8>(out, <u8>v, 1);
      store<u8>(out, <u8>v, 2);
      continue;
    }
    const c = <f32>range;
    const rc = <f32>(v - r) / c, gc = <f32>(v - g) / c, bc = <f32>(v - b) / c;
    // The sums with 2.0 and 4.0 are doubles in C, the first is not.
    const turn = r == v ? bc - gc : g == v ? <f32>(2.0 + <f64>rc - <f64>bc) : <f32>(4.0 + <f64>gc - <f64>rc);
    const circle = <f64>turn / 6.0 + 1.0;
    const h = <f32>(circle - floor(circle));
    const at = (<i32>(<f64>h * 255.0) + shift) & 255;
    const f = load<f32>(tables + (at << 2)), fs = load<f32>(tables + (s << 2), 1024);
    const value = <f64>v;
    const p = round(value * (1.0 - <f64>fs));
    const q = round(value * (1.0 - <f64>(fs * f)));
    const t = round(value * (1.0 - <f64>fs * (1.0 - <f64>f)));
    const sixth = <i32>load<u8>(tables + at, 2048);
    store<u8>(out, <u8>(sixth == 1 ? q : sixth == 2 || sixth == 3 ? p : sixth == 4 ? t : v));
    store<u8>(out, <u8>(sixth == 1 || sixth == 2 ? v : sixth == 3 ? q : sixth == 4 || sixth == 5 ? p : t), 1);
    store<u8>(out, <u8>(sixth == 1 ? p : sixth == 2 ? t : sixth == 3 || sixth == 4 ? v : sixth == 5 ? q : p), 2);
  }
}

function wide(at: i32): v128 {
  return i16x8.extend_low_i8x16_u(v128.load64_zero(at));
}

/** ImageEnhance.Sharpness of at least 3 x 3 pixels: a blend of Pillow's SMOOTH and the picture; the outermost pixels stay. */
export function sharpen(src: i32, out: i32, width: i32, height: i32, factor: f32): void {
  const f = f32x4.splat(factor);
  const row = width * 3;
  memory.copy(out, src, row * height);
  const thirteen = i32x4.splat(13), inverse = i32x4.splat(10083); // n / 26 = n * 10083 >> 18 for n below 2^14
  for (let y = 1; y < height - 1; y++) {
    const end = (y + 1) * row - 3;
    for (let i = y * row + 3; i < end; i += 8) {
      const p = src + i;
      const own = wide(p);
      const above = i16x8.add(i16x8.add(wide(p - row - 3), wide(p - row)), wide(p - row + 3));
      const below = i16x8.add(i16x8.add(wide(p + row - 3), wide(p + row)), wide(p + row + 3));
      const beside = i16x8.add(i16x8.add(wide(p - 3), wide(p + 3)), i16x8.mul(own, i16x8.splat(5)));
      const sum = i16x8.add(i16x8.add(above, below), beside);
      const s0 = i32x4.extend_low_i16x8_u(sum), s1 = i32x4.extend_high_i16x8_u(sum);
      const m0 = i32x4.shr_u(i32x4.mul(i32x4.add(i32x4.shl(s0, 1), thirteen), inverse), 18);
      const m1 = i32x4.shr_u(i32x4.mul(i32x4.add(i32x4.shl(s1, 1), thirteen), inverse), 18);
      const v = i16x8.narrow_i32x4_s(blend(m0, i32x4.extend_low_i16x8_u(own), f), blend(m1, i32x4.extend_high_i16x8_u(own), f));
      v128.store64_lane(out + i, i8x16.narrow_i16x8_u(v, v), 0);
    }
    store<u64>(out + end, load<u64>(src + end)); // what the last step wrote too much
  }
}

/** Columns become rows, pixel by pixel. */
export function transpose(src: i32, out: i32, width: i32, height: i32): void {
  const row = width * 3;
  for (let x = 0; x < width; x++) {
    let p = src + x * 3;
    for (let y = 0; y < height; y++, p += row, out += 3) store<u32>(out, load<u32>(p)); // the fourth byte is written over
  }
}

/** One extended box filter down all columns (BoxBlur.c): weights in 24 fractional bits; outside is what the ends are. */
export function box(src: i32, out: i32, row: i32, height: i32, radius: i32, inner: i32, outer: i32, sums: i32): void {
  const last = src + (height - 1) * row;
  const w = i32x4.splat(inner), e = i32x4.splat(outer), half = i32x4.splat(1 << 23);
  // The sums around the row before the first.
  for (let i = 0; i < row; i++) {
    let sum = <i32>load<u8>(src + i) * (radius + 1);
    for (let y = 0; y < radius; y++) sum += <i32>load<u8>(min(src + y * row, last) + i);
    store<i32>(sums + (i << 2), sum);
  }
  for (let y = 0; y < height; y++, out += row) {
    const before = y > radius ? src + (y - radius - 1) * row : src;
    const after = min(src + (y + radius) * row, last);
    const far = min(src + (y + radius + 1) * row, last);
    for (let i = 0; i < row; i += 8) {
      const gone = i16x8.extend_low_i8x16_u(v128.load64_zero(before + i));
      const change = i16x8.sub(i16x8.extend_low_i8x16_u(v128.load64_zero(after + i)), gone);
      const ends = i16x8.add(i16x8.extend_low_i8x16_u(v128.load64_zero(far + i)), gone);
      const at = sums + (i << 2);
      const s0 = i32x4.add(v128.load(at), i32x4.extend_low_i16x8_s(change));
      const s1 = i32x4.add(v128.load(at, 16), i32x4.extend_high_i16x8_s(change));
      v128.store(at, s0);
      v128.store(at, s1, 16);
      const v0 = i32x4.shr_u(i32x4.add(i32x4.add(i32x4.mul(s0, w), i32x4.mul(i32x4.extend_low_i16x8_u(ends), e)), half), 24);
      const v1 = i32x4.shr_u(i32x4.add(i32x4.add(i32x4.mul(s1, w), i32x4.mul(i32x4.extend_high_i16x8_u(ends), e)), half), 24);
      const v = i16x8.narrow_i32x4_s(v0, v1);
      v128.store64_lane(out + i, i8x16.narrow_i16x8_u(v, v), 0);
    }
  }
}

/** A pixel's three samples, and a fourth that does not count. */
function pixel(at: i32): v128 {
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(at)));
}

function high(v: v128): v128 {
  return v128.shuffle<i64>(v, v, 1, 1);
}

function put(out: i32, low: v128, rest: v128): void {
  const rg = i32x4.trunc_sat_f64x2_s_zero(low);
  store<u8>(out, <u8>i32x4.extract_lane(rg, 0));
  store<u8>(out, <u8>i32x4.extract_lane(rg, 1), 1);
  store<u8>(out, <u8>i32x4.extract_lane(i32x4.trunc_sat_f64x2_s_zero(rest), 0), 2);
}

/** Geometry.c's bilinear filter behind an affine transform, in doubles. What lies outside is left as it is. */
export function bilinear(src: i32, out: i32, width: i32, height: i32, a: f64, b: f64, c: f64, d: f64, e: f64, f: f64): void {
  const line = width * 3;
  const w = <f64>width, h = <f64>height;
  for (let y = 0; y < height; y++) {
    const yOut = <f64>y + 0.5;
    for (let x = 0; x < width; x++, out += 3) {
      const xOut = <f64>x + 0.5;
      let xIn = a * xOut + b * yOut + c;
      let yIn = d * xOut + e * yOut + f;
      if (!(xIn >= 0 && xIn < w && yIn >= 0 && yIn < h)) continue;
      xIn -= 0.5;
      yIn -= 0.5;
      const left = <i32>floor(xIn), top = <i32>floor(yIn);
      const dx = f64x2.splat(xIn - <f64>left), dy = f64x2.splat(yIn - <f64>top);
      const x0 = max(left, 0) * 3;
      const x1 = left + 1 < width ? (left + 1) * 3 : x0;
      const row = src + max(top, 0) * line;
      const below = top + 1 < height ? src + (top + 1) * line : row;
      const u0 = pixel(row + x0), w0 = pixel(below + x0);
      const du = i32x4.sub(pixel(row + x1), u0), dw = i32x4.sub(pixel(below + x1), w0);
      const l1 = f64x2.add(f64x2.convert_low_i32x4_s(u0), f64x2.mul(f64x2.convert_low_i32x4_s(du), dx));
      const l2 = f64x2.add(f64x2.convert_low_i32x4_s(w0), f64x2.mul(f64x2.convert_low_i32x4_s(dw), dx));
      const h1 = f64x2.add(f64x2.convert_low_i32x4_s(high(u0)), f64x2.mul(f64x2.convert_low_i32x4_s(high(du)), dx));
      const h2 = f64x2.add(f64x2.convert_low_i32x4_s(high(w0)), f64x2.mul(f64x2.convert_low_i32x4_s(high(dw)), dx));
      put(
        out,
        f64x2.add(l1, f64x2.mul(f64x2.sub(l2, l1), dy)),
        f64x2.add(h1, f64x2.mul(f64x2.sub(h2, h1), dy)),
      );
    }
  }
}

function horner(p1: v128, p2: v128, p3: v128, p4: v128, d: v128): v128 {
  return f64x2.add(p1, f64x2.mul(d, f64x2.add(p2, f64x2.mul(d, f64x2.add(p3, f64x2.mul(d, p4))))));
}

/** Pillow's cubic through four pixels, in whole numbers up to the last step; red and green, then blue, to memory. */
function cubicPixels(v1: v128, v2: v128, v3: v128, v4: v128, d: v128, to: i32): void {
  const p2 = i32x4.sub(v3, v1);
  const p3 = i32x4.sub(i32x4.add(i32x4.shl(i32x4.sub(v1, v2), 1), v3), v4);
  const p4 = i32x4.add(i32x4.sub(i32x4.sub(v2, v1), v3), v4);
  v128.store(to, horner(f64x2.convert_low_i32x4_s(v2), f64x2.convert_low_i32x4_s(p2), f64x2.convert_low_i32x4_s(p3), f64x2.convert_low_i32x4_s(p4), d));
  v128.store(to, horner(f64x2.convert_low_i32x4_s(high(v2)), f64x2.convert_low_i32x4_s(high(p2)), f64x2.convert_low_i32x4_s(high(p3)), f64x2.convert_low_i32x4_s(high(p4)), d), 16);
}

/** The cubic through four results. */
function cubic(v1: v128, v2: v128, v3: v128, v4: v128, d: v128): v128 {
  const p2 = f64x2.sub(v3, v1);
  const p3 = f64x2.sub(f64x2.add(f64x2.mul(f64x2.splat(2), f64x2.sub(v1, v2)), v3), v4);
  const p4 = f64x2.add(f64x2.sub(f64x2.sub(v2, v1), v3), v4);
  return horner(v2, p2, p3, p4, d);
}

function clamp(v: v128): v128 {
  return f64x2.min(f64x2.max(v, f64x2.splat(0)), f64x2.splat(255));
}

/** Geometry.c's bicubic filter behind an affine transform, in doubles; `scratch` is 128 bytes. */
export function bicubic(src: i32, out: i32, width: i32, height: i32, a: f64, b: f64, c: f64, d: f64, e: f64, f: f64, scratch: i32): void {
  const line = width * 3;
  const w = <f64>width, h = <f64>height;
  const most = width - 1;
  for (let y = 0; y < height; y++) {
    const yOut = <f64>y + 0.5;
    for (let x = 0; x < width; x++, out += 3) {
      const xOut = <f64>x + 0.5;
      let xIn = a * xOut + b * yOut + c;
      let yIn = d * xOut + e * yOut + f;
      if (!(xIn >= 0 && xIn < w && yIn >= 0 && yIn < h)) continue;
      xIn -= 0.5;
      yIn -= 0.5;
      const column = <i32>floor(xIn), row = <i32>floor(yIn);
      const dx = xIn - <f64>column, dy = yIn - <f64>row;
      const x0 = max(column - 1, 0) * 3;
      const x1 = max(column, 0) * 3;
      const x2 = min(column + 1, most) * 3;
      const x3 = min(column + 2, most) * 3;
      const r0 = src + max(row - 1, 0) * line;
      const r1 = row >= 0 ? src + row * line : r0;
      const r2 = row + 1 < height ? src + (row + 1) * line : r1;
      const r3 = row + 2 < height ? src + (row + 2) * line : r2;
      if (dy == 0) cubicPixels(pixel(r1 + x0), pixel(r1 + x1), pixel(r1 + x2), pixel(r1 + x3), f64x2.splat(dx), scratch);
      else if (dx == 0) cubicPixels(pixel(r0 + x1), pixel(r1 + x1), pixel(r2 + x1), pixel(r3 + x1), f64x2.splat(dy), scratch);
      else {
        const across = f64x2.splat(dx), down = f64x2.splat(dy);
        cubicPixels(pixel(r0 + x0), pixel(r0 + x1), pixel(r0 + x2), pixel(r0 + x3), across, scratch);
        cubicPixels(pixel(r1 + x0), pixel(r1 + x1), pixel(r1 + x2), pixel(r1 + x3), across, scratch + 32);
        cubicPixels(pixel(r2 + x0), pixel(r2 + x1), pixel(r2 + x2), pixel(r2 + x3), across, scratch + 64);
        cubicPixels(pixel(r3 + x0), pixel(r3 + x1), pixel(r3 + x2), pixel(r3 + x3), across, scratch + 96);
        const low = cubic(v128.load(scratch), v128.load(scratch, 32), v128.load(scratch, 64), v128.load(scratch, 96), down);
        const rest = cubic(v128.load(scratch, 16), v128.load(scratch, 48), v128.load(scratch, 80), v128.load(scratch, 112), down);
        v128.store(scratch, low);
        v128.store(scratch, rest, 16);
      }
      put(out, clamp(v128.load(scratch)), clamp(v128.load(scratch, 16)));
    }
  }
}
