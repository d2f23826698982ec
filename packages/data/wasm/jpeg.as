// Baseline JPEG (ITU T.81) as libjpeg-turbo decodes it: Huffman decoding, the "islow" inverse DCT (jidctint), fancy
// upsampling (jdsample) and YCbCr to RGB (jdcolor), to the last bit. Only blocks of the wanted part are transformed.
// AssemblyScript, compiled by wasm/build.mjs. The caller lays out all memory: see src/jpeg/decoder.ts.

// ---- A job of scan(): words of 4 bytes.
const SRC = 0, END = 4, MCUS = 8, ROWS = 12, FIRST_ROW = 16, FIRST_COLUMN = 20, LAST_COLUMN = 24, RESTART = 28, COMPONENTS = 32, BLOCK = 36;
// Each component's words begin at 64 + 32 c.
const H = 0, V = 4, QUANT = 8, DC = 12, AC = 16, PLANE = 20, STRIDE = 24;

// ---- A Huffman table: 1024 words by the next 10 bits, then largest code and offset of each length, then symbols.
const MAX = 4096, OFFSET = 4096 + 72, VALUES = 4096 + 144;

/** Builds a table from the 16 counts and the symbols of a DHT segment. 0 where they make no prefix code. */
export function huffman(counts: i32, symbols: i32, table: i32, isDc: i32): i32 {
  memory.fill(table, 0, 4096);
  let code = 0, at = 0;
  for (let length = 1; length <= 16; length++) {
    const n = <i32>load<u8>(counts + length - 1);
    store<i32>(table + OFFSET + length * 4, at - code);
    for (let i = 0; i < n; i++, at++, code++) {
      if (code >= 1 << length) return 0;
      const symbol = <i32>load<u8>(symbols + at);
      if (isDc && symbol > 15) return 0;
      store<u8>(table + VALUES + at, <u8>symbol);
      if (length > 10) continue;
      // Every window of 10 bits that begins with this code. Where the value's bits are in it too, so is the value.
      const size = isDc ? symbol : symbol & 15;
      const base = code << (10 - length);
      const spread = 1 << (10 - length);
      for (let k = 0; k < spread; k++) {
        let entry = length | (symbol << 10);
        const total = length + size;
        if (size > 0 && total <= 10) {
          let value = (k >> (10 - total)) & ((1 << size) - 1);
          if (value < 1 << (size - 1)) value -= (1 << size) - 1;
          entry |= (total << 5) | (value << 18);
        }
        store<i32>(table + ((base + k) << 2), entry);
      }
    }
    store<i32>(table + MAX + length * 4, n > 0 ? code - 1 : -1);
    code <<= 1;
  }
  return 1;
}

/**
 * Decodes MCU rows 0 ... ROWS - 1 and transforms what lies from FIRST_ROW on in columns FIRST_COLUMN ... LAST_COLUMN - 1.
 * 0 where the data is damaged, -1 where it ends early.
 */
export function scan(job: i32, zigzag: i32): i32 {
  let src = load<i32>(job, SRC);
  const end = load<i32>(job, END);
  const mcus = load<i32>(job, MCUS);
  const rows = load<i32>(job, ROWS);
  const firstRow = load<i32>(job, FIRST_ROW);
  const firstColumn = load<i32>(job, FIRST_COLUMN);
  const lastColumn = load<i32>(job, LAST_COLUMN);
  const interval = load<i32>(job, RESTART);
  const components = load<i32>(job, COMPONENTS);
  const block = load<i32>(job, BLOCK);
  let bits: u64 = 0, n = 0; // n bits at the low end
  let padding = 0; // of them, zeros after the data's end
  let p0 = 0, p1 = 0, p2 = 0; // DC predictions
  let left = interval;
  let restarts = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < mcus; column++) {
      if (interval > 0) {
        if (left == 0) {
          // The marker RSTn; bits before it are filling.
          if (padding > n) return -1;
          if (n - padding >= 8) return 0;
          if (src + 2 > end || load<u8>(src) != 0xff || <i32>load<u8>(src + 1) != 0xd0 + (restarts & 7)) return 0;
          src += 2;
          restarts++;
          left = interval;
          bits = 0;
          n = 0;
          padding = 0;
          p0 = 0;
          p1 = 0;
          p2 = 0;
        }
        left--;
      }
      const wanted = row >= firstRow && column >= firstColumn && column < lastColumn;
      for (let c = 0; c < components; c++) {
        const component = job + 64 + 32 * c;
        const h = load<i32>(component, H), v = load<i32>(component, V);
        const dc = load<i32>(component, DC), ac = load<i32>(component, AC);
        for (let by = 0; by < v; by++) {
          for (let bx = 0; bx < h; bx++) {
            let k = 0, last = 0;
            let table = dc;
            let value = 0;
            for (;;) {
              if (n < 32) {
                if (src + 4 <= end) {
                  const word = load<u32>(src);
                  const other = ~word;
                  if (((other - 0x01010101) & ~other & 0x80808080) == 0) {
                    bits = (bits << 32) | <u64>bswap<u32>(word);
                    n += 32;
                    src += 4;
                  }
                }
                while (n < 32) {
                  let byte: u64 = 0;
                  if (src < end) {
                    byte = <u64>load<u8>(src);
                    if (byte == 0xff) {
                      if (src + 1 < end && load<u8>(src + 1) == 0) src += 2;
                      else {
                        byte = 0; // a marker: no more data
                        padding += 8;
                      }
                    } else src++;
                  } else padding += 8;
                  bits = (bits << 8) | byte;
                  n += 8;
                }
              }
              const entry = load<i32>(table + ((<i32>(bits >> (n - 10)) & 1023) << 2));
              const total = (entry >> 5) & 31;
              let symbol = (entry >> 10) & 255;
              if (total) {
                n -= total;
                value = entry >> 18;
              } else {
                let length = entry & 31;
                if (length == 0) {
                  for (length = 11; length <= 16; length++) {
                    const code = <i32>(bits >> (n - length)) & ((1 << length) - 1);
                    if (code <= load<i32>(table + MAX + length * 4)) {
                      symbol = <i32>load<u8>(table + VALUES + ((code + load<i32>(table + OFFSET + length * 4)) & 255));
                      break;
                    }
                  }
                  if (length > 16) return padding > 0 ? -1 : 0;
                }
                n -= length;
                const size = k == 0 ? symbol : symbol & 15;
                if (size == 0) {
                  if (k > 0) {
                    if (symbol != 0xf0) break; // the end of the block; libjpeg takes all runs of other lengths so
                    k += 16;
                    if (k > 63) break;
                    continue;
                  }
                  value = 0;
                } else {
                  if (size > 15) return padding > 0 ? -1 : 0;
                  n -= size;
                  value = <i32>(bits >> n) & ((1 << size) - 1);
                  if (value < 1 << (size - 1)) value -= (1 << size) - 1;
                }
              }
              if (k == 0) {
                if (c == 0) value = p0 += value;
                else if (c == 1) value = p1 += value;
                else value = p2 += value;
                store<i16>(block, <i16>value);
                k = 1;
                table = ac;
              } else {
                k += symbol >> 4;
                if (k > 63) return padding > 0 ? -1 : 0;
                store<i16>(block + (<i32>load<u8>(zigzag + k) << 1), <i16>value);
                last = k;
                k++;
                if (k > 63) break;
              }
            }
            if (wanted) {
              const stride = load<i32>(component, STRIDE);
              const out = load<i32>(component, PLANE) + ((row - firstRow) * v + by) * 8 * stride + ((column - firstColumn) * h + bx) * 8;
              if (last == 0) flat(block, load<i32>(component, QUANT), out, stride);
              else transform(block, load<i32>(component, QUANT), out, stride);
            }
            if (last > 0) {
              const zero = i64x2.splat(0);
              v128.store(block, zero);
              v128.store(block, zero, 16);
              v128.store(block, zero, 32);
              v128.store(block, zero, 48);
              v128.store(block, zero, 64);
              v128.store(block, zero, 80);
              v128.store(block, zero, 96);
              v128.store(block, zero, 112);
            }
          }
        }
      }
    }
    if (padding > n) return -1; // more was read than there is
  }
  return 1;
}

/** A block with nothing but its mean. */
function flat(block: i32, quant: i32, out: i32, stride: i32): void {
  // Sixteen bits, as everywhere in the transform.
  const dc = <i32>(<i16>(<i32>load<i16>(block) * <i32>load<i16>(quant)));
  const value = max(0, min(255, ((max(-32768, min(32767, dc << 2)) + 16) >> 5) + 128));
  const row = i8x16.splat(<i8>value);
  for (let y = 0; y < 8; y++, out += stride) v128.store64_lane(out, row, 0);
}

// jidctint's constants in 13 fractional bits, in pairs for a dot product.
const E3 = i16x8(10703, 4433, 10703, 4433, 10703, 4433, 10703, 4433); // 0.541 + 0.765, 0.541
const E2 = i16x8(4433, -10704, 4433, -10704, 4433, -10704, 4433, -10704); // 0.541, 0.541 - 1.847
const O3 = i16x8(-6436, 9633, -6436, 9633, -6436, 9633, -6436, 9633); // 1.175 - 1.961, 1.175
const O4 = i16x8(9633, 6437, 9633, 6437, 9633, 6437, 9633, 6437); // 1.175, 1.175 - 0.390
const A0 = i16x8(-4927, -7373, -4927, -7373, -4927, -7373, -4927, -7373); // 0.298 - 0.899, -0.899
const A3 = i16x8(-7373, 4926, -7373, 4926, -7373, 4926, -7373, 4926); // -0.899, 1.501 - 0.899
const A1 = i16x8(-4176, -20995, -4176, -20995, -4176, -20995, -4176, -20995); // 2.053 - 2.562, -2.562
const A2 = i16x8(-20995, 4177, -20995, 4177, -20995, 4177, -20995, 4177); // -2.562, 3.072 - 2.562

/** The block's 64 coefficients, in natural order, to 8 x 8 samples. */
function transform(block: i32, quant: i32, out: i32, stride: i32): void {
  let r0 = i16x8.mul(v128.load(block), v128.load(quant));
  let r1 = i16x8.mul(v128.load(block, 16), v128.load(quant, 16));
  let r2 = i16x8.mul(v128.load(block, 32), v128.load(quant, 32));
  let r3 = i16x8.mul(v128.load(block, 48), v128.load(quant, 48));
  let r4 = i16x8.mul(v128.load(block, 64), v128.load(quant, 64));
  let r5 = i16x8.mul(v128.load(block, 80), v128.load(quant, 80));
  let r6 = i16x8.mul(v128.load(block, 96), v128.load(quant, 96));
  let r7 = i16x8.mul(v128.load(block, 112), v128.load(quant, 112));
  for (let pass = 0; pass < 2; pass++) {
    const shift = pass == 0 ? 11 : 18;
    const half = i32x4.splat(1 << (shift - 1));
    // Even part.
    const p26 = v128.shuffle<i16>(r2, r6, 0, 8, 1, 9, 2, 10, 3, 11);
    const q26 = v128.shuffle<i16>(r2, r6, 4, 12, 5, 13, 6, 14, 7, 15);
    const sum = i16x8.add(r0, r4);
    const difference = i16x8.sub(r0, r4);
    const pt0 = i32x4.add(i32x4.shl(i32x4.extend_low_i16x8_s(sum), 13), half);
    const qt0 = i32x4.add(i32x4.shl(i32x4.extend_high_i16x8_s(sum), 13), half);
    const pt1 = i32x4.add(i32x4.shl(i32x4.extend_low_i16x8_s(difference), 13), half);
    const qt1 = i32x4.add(i32x4.shl(i32x4.extend_high_i16x8_s(difference), 13), half);
    const pt3 = i32x4.dot_i16x8_s(p26, E3), qt3 = i32x4.dot_i16x8_s(q26, E3);
    const pt2 = i32x4.dot_i16x8_s(p26, E2), qt2 = i32x4.dot_i16x8_s(q26, E2);
    const p10 = i32x4.add(pt0, pt3), q10 = i32x4.add(qt0, qt3);
    const p13 = i32x4.sub(pt0, pt3), q13 = i32x4.sub(qt0, qt3);
    const p11 = i32x4.add(pt1, pt2), q11 = i32x4.add(qt1, qt2);
    const p12 = i32x4.sub(pt1, pt2), q12 = i32x4.sub(qt1, qt2);
    // Odd part.
    const z3 = i16x8.add(r7, r3);
    const z4 = i16x8.add(r5, r1);
    const pz = v128.shuffle<i16>(z3, z4, 0, 8, 1, 9, 2, 10, 3, 11);
    const qz = v128.shuffle<i16>(z3, z4, 4, 12, 5, 13, 6, 14, 7, 15);
    const pz3 = i32x4.dot_i16x8_s(pz, O3), qz3 = i32x4.dot_i16x8_s(qz, O3);
    const pz4 = i32x4.dot_i16x8_s(pz, O4), qz4 = i32x4.dot_i16x8_s(qz, O4);
    const p71 = v128.shuffle<i16>(r7, r1, 0, 8, 1, 9, 2, 10, 3, 11);
    const q71 = v128.shuffle<i16>(r7, r1, 4, 12, 5, 13, 6, 14, 7, 15);
    const p53 = v128.shuffle<i16>(r5, r3, 0, 8, 1, 9, 2, 10, 3, 11);
    const q53 = v128.shuffle<i16>(r5, r3, 4, 12, 5, 13, 6, 14, 7, 15);
    const po0 = i32x4.add(i32x4.dot_i16x8_s(p71, A0), pz3), qo0 = i32x4.add(i32x4.dot_i16x8_s(q71, A0), qz3);
    const po3 = i32x4.add(i32x4.dot_i16x8_s(p71, A3), pz4), qo3 = i32x4.add(i32x4.dot_i16x8_s(q71, A3), qz4);
    const po1 = i32x4.add(i32x4.dot_i16x8_s(p53, A1), pz4), qo1 = i32x4.add(i32x4.dot_i16x8_s(q53, A1), qz4);
    const po2 = i32x4.add(i32x4.dot_i16x8_s(p53, A2), pz3), qo2 = i32x4.add(i32x4.dot_i16x8_s(q53, A2), qz3);
    const s0 = i16x8.narrow_i32x4_s(i32x4.shr_s(i32x4.add(p10, po3), shift), i32x4.shr_s(i32x4.add(q10, qo3), shift));
    const s7 = i16x8.narrow_i32x4_s(i32x4.shr_s(i32x4.sub(p10, po3), shift), i32x4.shr_s(i32x4.sub(q10, qo3), shift));
    const s1 = i16x8.narrow_i32x4_s(i32x4.shr_s(i32x4.add(p11, po2), shift), i32x4.shr_s(i32x4.add(q11, qo2), shift));
    const s6 = i16x8.narrow_i32x4_s(i32x4.shr_s(i32x4.sub(p11, po2), shift), i32x4.shr_s(i32x4.sub(q11, qo2), shift));
    const s2 = i16x8.narrow_i32x4_s(i32x4.shr_s(i32x4.add(p12, po1), shift), i32x4.shr_s(i32x4.add(q12, qo1), shift));
    const s5 = i16x8.narrow_i32x4_s(i32x4.shr_s(i32x4.sub(p12, po1), shift), i32x4.shr_s(i32x4.sub(q12, qo1), shift));
    const s3 = i16x8.narrow_i32x4_s(i32x4.shr_s(i32x4.add(p13, po0), shift), i32x4.shr_s(i32x4.add(q13, qo0), shift));
    const s4 = i16x8.narrow_i32x4_s(i32x4.shr_s(i32x4.sub(p13, po0), shift), i32x4.shr_s(i32x4.sub(q13, qo0), shift));
    // Rows become columns.
    const a0 = v128.shuffle<i16>(s0, s1, 0, 8, 1, 9, 2, 10, 3, 11), a1 = v128.shuffle<i16>(s0, s1, 4, 12, 5, 13, 6, 14, 7, 15);
    const a2 = v128.shuffle<i16>(s2, s3, 0, 8, 1, 9, 2, 10, 3, 11), a3 = v128.shuffle<i16>(s2, s3, 4, 12, 5, 13, 6, 14, 7, 15);
    const a4 = v128.shuffle<i16>(s4, s5, 0, 8, 1, 9, 2, 10, 3, 11), a5 = v128.shuffle<i16>(s4, s5, 4, 12, 5, 13, 6, 14, 7, 15);
    const a6 = v128.shuffle<i16>(s6, s7, 0, 8, 1, 9, 2, 10, 3, 11), a7 = v128.shuffle<i16>(s6, s7, 4, 12, 5, 13, 6, 14, 7, 15);
    const b0 = v128.shuffle<i32>(a0, a2, 0, 4, 1, 5), b1 = v128.shuffle<i32>(a0, a2, 2, 6, 3, 7);
    const b2 = v128.shuffle<i32>(a1, a3, 0, 4, 1, 5), b3 = v128.shuffle<i32>(a1, a3, 2, 6, 3, 7);
    const b4 = v128.shuffle<i32>(a4, a6, 0, 4, 1, 5), b5 = v128.shuffle<i32>(a4, a6, 2, 6, 3, 7);
    const b6 = v128.shuffle<i32>(a5, a7, 0, 4, 1, 5), b7 = v128.shuffle<i32>(a5, a7, 2, 6, 3, 7);
    r0 = v128.shuffle<i64>(b0, b4, 0, 2);
    r1 = v128.shuffle<i64>(b0, b4, 1, 3);
    r2 = v128.shuffle<i64>(b1, b5, 0, 2);
    r3 = v128.shuffle<i64>(b1, b5, 1, 3);
    r4 = v128.shuffle<i64>(b2, b6, 0, 2);
    r5 = v128.shuffle<i64>(b2, b6, 1, 3);
    r6 = v128.shuffle<i64>(b3, b7, 0, 2);
    r7 = v128.shuffle<i64>(b3, b7, 1, 3);
  }
  const middle = i8x16.splat(-128);
  const w0 = i8x16.add(i8x16.narrow_i16x8_s(r0, r1), middle);
  const w1 = i8x16.add(i8x16.narrow_i16x8_s(r2, r3), middle);
  const w2 = i8x16.add(i8x16.narrow_i16x8_s(r4, r5), middle);
  const w3 = i8x16.add(i8x16.narrow_i16x8_s(r6, r7), middle);
  v128.store64_lane(out, w0, 0);
  v128.store64_lane(out + stride, w0, 1);
  v128.store64_lane(out + 2 * stride, w1, 0);
  v128.store64_lane(out + 3 * stride, w1, 1);
  v128.store64_lane(out + 4 * stride, w2, 0);
  v128.store64_lane(out + 5 * stride, w2, 1);
  v128.store64_lane(out + 6 * stride, w3, 0);
  v128.store64_lane(out + 7 * stride, w3, 1);
}

/**
 * One chroma row enlarged to twice its width (jdsample's fancy upsampling): columns `from` ... `to` - 1 of `width`, all of them in the
 * row's memory, and their neighbours. `near` and `far` are its two rows where the height doubles too, else the same.
 * Writes 2 (to - from) samples; runs past the end by up to 16.
 */
export function enlarge(near: i32, far: i32, vertical: i32, from: i32, to: i32, width: i32, sums: i32, out: i32): void {
  // Sums of the two rows, 3 to 1, in 16 bits; of one row, the samples.
  const least = max(from - 1, 0), most = min(to + 1, width);
  for (let x = least; x < most; x += 8) {
    const a = i16x8.extend_low_i8x16_u(v128.load64_zero(near + x));
    const at = sums + ((x - from + 1) << 1);
    if (vertical) {
      const b = i16x8.extend_low_i8x16_u(v128.load64_zero(far + x));
      v128.store(at, i16x8.add(i16x8.add(a, i16x8.shl(a, 1)), b));
    } else v128.store(at, a);
  }
  if (from == 0) store<i16>(sums, load<i16>(sums, 2));
  if (to == width) store<i16>(sums + ((to - from + 1) << 1), load<i16>(sums + ((to - from) << 1)));
  const first = i16x8.splat(vertical ? 8 : 1), second = i16x8.splat(vertical ? 7 : 2);
  const shift = vertical ? 4 : 2;
  for (let x = from; x < to; x += 8, out += 16, sums += 16) {
    const before = v128.load(sums), own = v128.load(sums, 2), after = v128.load(sums, 4);
    const three = i16x8.add(own, i16x8.shl(own, 1));
    const left = i16x8.shr_u(i16x8.add(i16x8.add(three, before), first), shift);
    const right = i16x8.shr_u(i16x8.add(i16x8.add(three, after), second), shift);
    v128.store(out, v128.or(left, i16x8.shl(right, 8))); // side by side
  }
}

/** `count` pixels of YCbCr to RGB; reads and writes up to 48 bytes past the end. */
export function colour(y: i32, cb: i32, cr: i32, out: i32, count: i32): void {
  const half = i32x4.splat(32768);
  const middle = i16x8.splat(128);
  for (let x = 0; x < count; x += 16, out += 48) {
    const luma = v128.load(y + x), blue = v128.load(cb + x), red = v128.load(cr + x);
    let r = blue, g = blue, b = blue;
    let rLow = middle, gLow = middle, bLow = middle;
    for (let side = 0; side < 2; side++) {
      const l = side == 0 ? i16x8.extend_low_i8x16_u(luma) : i16x8.extend_high_i8x16_u(luma);
      const u = i16x8.sub(side == 0 ? i16x8.extend_low_i8x16_u(blue) : i16x8.extend_high_i8x16_u(blue), middle);
      const v = i16x8.sub(side == 0 ? i16x8.extend_low_i8x16_u(red) : i16x8.extend_high_i8x16_u(red), middle);
      const u0 = i32x4.extend_low_i16x8_s(u), u1 = i32x4.extend_high_i16x8_s(u);
      const v0 = i32x4.extend_low_i16x8_s(v), v1 = i32x4.extend_high_i16x8_s(v);
      // 1.402, 0.34414, 0.71414 and 1.772 in 16 fractional bits.
      const f = i32x4.splat(91881), i = i32x4.splat(-22554), j = i32x4.splat(-46802), k = i32x4.splat(116130);
      const dr = i16x8.narrow_i32x4_s(
        i32x4.shr_s(i32x4.add(i32x4.mul(v0, f), half), 16),
        i32x4.shr_s(i32x4.add(i32x4.mul(v1, f), half), 16),
      );
      const dg = i16x8.narrow_i32x4_s(
        i32x4.shr_s(i32x4.add(i32x4.add(i32x4.mul(u0, i), i32x4.mul(v0, j)), half), 16),
        i32x4.shr_s(i32x4.add(i32x4.add(i32x4.mul(u1, i), i32x4.mul(v1, j)), half), 16),
      );
      const db = i16x8.narrow_i32x4_s(
        i32x4.shr_s(i32x4.add(i32x4.mul(u0, k), half), 16),
        i32x4.shr_s(i32x4.add(i32x4.mul(u1, k), half), 16),
      );
      const rr = i16x8.add(l, dr), gg = i16x8.add(l, dg), bb = i16x8.add(l, db);
      if (side == 0) {
        rLow = rr;
        gLow = gg;
        bLow = bb;
      } else {
        r = i8x16.narrow_i16x8_u(rLow, rr);
        g = i8x16.narrow_i16x8_u(gLow, gg);
        b = i8x16.narrow_i16x8_u(bLow, bb);
      }
    }
    // r0 g0 r1 g1 ..., then b in between.
    const low = v128.shuffle<i8>(r, g, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const high = v128.shuffle<i8>(r, g, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    v128.store(out, v128.shuffle<i8>(low, b, 0, 1, 16, 2, 3, 17, 4, 5, 18, 6, 7, 19, 8, 9, 20, 10));
    const mixed = v128.shuffle<i8>(low, high, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 0, 0, 0, 0, 0);
    v128.store(out, v128.shuffle<i8>(mixed, b, 0, 21, 1, 2, 22, 3, 4, 23, 5, 6, 24, 7, 8, 25, 9, 10), 16);
    v128.store(out, v128.shuffle<i8>(high, b, 26, 6, 7, 27, 8, 9, 28, 10, 11, 29, 12, 13, 30, 14, 15, 31), 32);
  }
}
