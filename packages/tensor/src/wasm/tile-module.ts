/**
 * A WebAssembly module of one function, put together here byte by byte: the inner loop of a matrix product, with SIMD,
 * over the memory of tfjs's wasm backend. tfjs's own products pack the right operand anew at each call, one value at a
 * time; for a gradient, where both operands are fresh, that costs as much as the product.
 *
 * tile(a, aStep, aLine, aImage, b, bStep, bLine, bImage, out, outRow, cols, lines, images), all in bytes but the last
 * three, adds to a tile of 4 rows and 8 columns: out[r][c] += Σ a[r] b[c], where the sum runs over `cols` steps of `lines`
 * lines of `images` pictures, each operand moving on by its own stride; a's rows and b's columns lie side by side.
 */

const I32 = 0x7f;
const V128 = 0x7b;
const [A, A_STEP, A_LINE, A_IMAGE, B, B_STEP, B_LINE, B_IMAGE, OUT, OUT_ROW, COLS, LINES, IMAGES] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
] as const;
const PARAMETERS = 13;
/** Locals: counters, addresses, where the line began; then the vectors. */
const [COL, LINE, A_AT, B_AT, A_LINE_AT, B_LINE_AT] = [13, 14, 15, 16, 17, 18] as const;
const INTEGERS = 6;
const [LEFT, RIGHT, FACTOR, SUMS] = [19, 20, 21, 22] as const;
const VECTORS = 3 + 8;

const leb = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)]);
const get = (local: number): number[] => [0x20, ...leb(local)];
const set = (local: number): number[] => [0x21, ...leb(local)];
const load = (offset: number): number[] => [0xfd, 0x00, 2, ...leb(offset)];
const splat = (offset: number): number[] => [0xfd, 0x09, 2, ...leb(offset)];
const store = (offset: number): number[] => [0xfd, 0x0b, 2, ...leb(offset)];
const plus = [0xfd, 0xe4, 0x01];
const times = [0xfd, 0xe6, 0x01];
/** to = from + by */
const step = (to: number, from: number, by: number): number[] => [...get(from), ...get(by), 0x6a, ...set(to)];
/** Runs the body, then again until the counter has come down to zero; the counter is at least 1. */
const repeat = (counter: number, body: number[]): number[] => {
  const count = [...get(counter), 0x41, 1, 0x6b, 0x22, ...leb(counter)];
  return [0x03, 0x40, ...body, ...count, 0x0d, 0, 0x0b];
};

function body(): number[] {
  const rows = [0, 1, 2, 3];
  const products = rows.flatMap((r) => [
    ...[...get(A_AT), ...splat(4 * r), ...set(FACTOR)],
    ...[LEFT, RIGHT].flatMap((half, h) => {
      const sum = SUMS + 2 * r + h;
      return [...get(sum), ...get(FACTOR), ...get(half), ...times, ...plus, ...set(sum)];
    }),
  ]);
  const column = [
    ...[...get(B_AT), ...load(0), ...set(LEFT), ...get(B_AT), ...load(16), ...set(RIGHT)],
    ...products,
    ...[...step(A_AT, A_AT, A_STEP), ...step(B_AT, B_AT, B_STEP)],
  ];
  const line = [
    ...[...get(COLS), ...set(COL), ...get(A_LINE_AT), ...set(A_AT), ...get(B_LINE_AT), ...set(B_AT)],
    ...repeat(COL, column),
    ...[...step(A_LINE_AT, A_LINE_AT, A_LINE), ...step(B_LINE_AT, B_LINE_AT, B_LINE)],
  ];
  const image = [
    ...[...get(LINES), ...set(LINE), ...get(A), ...set(A_LINE_AT), ...get(B), ...set(B_LINE_AT)],
    ...repeat(LINE, line),
    ...[...step(A, A, A_IMAGE), ...step(B, B, B_IMAGE)],
  ];
  // From zero and added at the end: short sums, added up, err less than one long sum.
  const finish = rows.flatMap((r) => [
    ...[0, 1].flatMap((h) => {
      const at = 16 * h;
      return [...get(OUT), ...get(OUT), ...load(at), ...get(SUMS + 2 * r + h), ...plus, ...store(at)];
    }),
    ...step(OUT, OUT, OUT_ROW),
  ]);
  return [...repeat(IMAGES, image), ...finish, 0x0b];
}

/** The module's bytes, for a memory that threads share or one that they don't. */
export function tileModule(shared: boolean): Uint8Array<ArrayBuffer> {
  const section = (id: number, content: number[]) => [id, ...leb(content.length), ...content];
  const name = (text: string) => [text.length, ...new TextEncoder().encode(text)];
  const limits = shared ? [0x03, 0, ...leb(65536)] : [0x00, 0];
  const code = [2, ...leb(INTEGERS), I32, ...leb(VECTORS), V128, ...body()];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, PARAMETERS, ...new Array<number>(PARAMETERS).fill(I32), 0]),
    ...section(2, [1, ...name("tfjs"), ...name("memory"), 0x02, ...limits]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...name("tile"), 0x00, 0]),
    ...section(10, [1, ...leb(code.length), ...code]),
  ]);
}
