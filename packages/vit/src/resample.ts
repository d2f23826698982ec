/**
 * Position embeddings and patch kernels for other sizes, as timm resamples them: bicubic, with antialiasing where it gets
 * smaller (torch's `interpolate(mode="bicubic", antialias=True)`, which is Pillow's). Separable, so every step here is a
 * product with a small matrix for the rows and one for the columns. Computed in double precision.
 */
import { derivedTensor } from "@vitrail/layers";
import type { NamedTensor } from "@vitrail/tensor";

/** Height and width. */
export type Size = readonly [number, number];

/** Row-major. */
interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
}

function increase(values: Float64Array, at: number, by: number): void {
  values[at] = (values[at] as number) + by;
}

/** Keys' cubic with a = -0.5, as Pillow and torch's antialiasing take it (torch without antialiasing takes -0.75). */
function cubic(x: number): number {
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

/** [to, from]: what each of `to` cells takes of `from` cells. */
function resizing(from: number, to: number): Matrix {
  const values = new Float64Array(to * from);
  const scale = from / to;
  const stretch = Math.max(1, scale); // a smaller result looks at a wider window
  for (let row = 0; row < to; row++) {
    const centre = scale * (row + 0.5);
    const first = Math.max(0, Math.floor(centre - 2 * stretch + 0.5));
    const end = Math.min(from, Math.floor(centre + 2 * stretch + 0.5));
    let total = 0;
    for (let i = first; i < end; i++) total += values[row * from + i] = cubic((i - centre + 0.5) / stretch);
    for (let i = first; i < end; i++) values[row * from + i] = (values[row * from + i] as number) / total;
  }
  return { rows: to, columns: from, values };
}

function transposed({ rows, columns, values }: Matrix): Matrix {
  return {
    rows: columns,
    columns: rows,
    values: values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)] as number),
  };
}

function product(a: Matrix, b: Matrix): Matrix {
  const values = new Float64Array(a.rows * b.columns);
  for (let i = 0; i < a.rows; i++) {
    for (let k = 0; k < a.columns; k++) {
      const factor = a.values[i * a.columns + k] as number;
      for (let j = 0; j < b.columns; j++) {
        increase(values, i * b.columns + j, factor * (b.values[k * b.columns + j] as number));
      }
    }
  }
  return { rows: a.rows, columns: b.columns, values };
}

/** a⁻¹ b for a symmetric and positive definite `a`: Gauss-Jordan, which needs no pivots then. */
function solve(a: Matrix, b: Matrix): Matrix {
  const n = a.rows;
  const left = Float64Array.from(a.values);
  const right = Float64Array.from(b.values);
  const subtract = (m: Float64Array, width: number, from: number, row: number, factor: number) => {
    for (let j = 0; j < width; j++) increase(m, row * width + j, -factor * (m[from * width + j] as number));
  };
  for (let k = 0; k < n; k++) {
    for (let row = 0; row < n; row++) {
      if (row === k) continue;
      const factor = (left[row * n + k] as number) / (left[k * n + k] as number);
      subtract(left, n, k, row, factor);
      subtract(right, b.columns, k, row, factor);
    }
  }
  return {
    rows: n,
    columns: b.columns,
    values: right.map((x, i) => x / (left[Math.floor(i / b.columns) * (n + 1)] as number)),
  };
}

/** Moore and Penrose's inverse. These matrices have full rank at every size, and a condition below 4. */
function pseudoInverse(m: Matrix): Matrix {
  const t = transposed(m);
  return m.rows >= m.columns ? solve(product(t, m), t) : transposed(solve(product(m, t), m));
}

/** rows · x · columnsᵀ of one map [h, w] whose cells lie `step` apart, into another of the same step. */
function apply(
  rows: Matrix,
  columns: Matrix,
  read: (y: number, x: number) => number,
  write: (y: number, x: number, value: number) => void,
): void {
  const half = new Float64Array(rows.columns * columns.rows);
  for (let y = 0; y < rows.columns; y++) {
    for (let x = 0; x < columns.rows; x++) {
      let sum = 0;
      for (let i = 0; i < columns.columns; i++) sum += (columns.values[x * columns.columns + i] as number) * read(y, i);
      half[y * columns.rows + x] = sum;
    }
  }
  for (let y = 0; y < rows.rows; y++) {
    for (let x = 0; x < columns.rows; x++) {
      let sum = 0;
      for (let i = 0; i < rows.columns; i++) {
        sum += (rows.values[y * rows.columns + i] as number) * (half[i * columns.rows + x] as number);
      }
      write(y, x, sum);
    }
  }
}

/**
 * Position embeddings [1, prefix + h w, D] for another grid: timm's `resample_abs_pos_embed`. The first `prefix` of them,
 * the class token's, stay as they are.
 */
export function resamplePosEmbed(posEmbed: NamedTensor, from: Size, to: Size, prefix = 1): NamedTensor {
  const D = posEmbed.shape[2] as number;
  const [h, w] = to;
  return derivedTensor([1, prefix + h * w, D], () => {
    const values = posEmbed.float32();
    const result = new Float32Array((prefix + h * w) * D);
    result.set(values.subarray(0, prefix * D));
    const [rows, columns] = [resizing(from[0], h), resizing(from[1], w)];
    for (let d = 0; d < D; d++) {
      apply(
        rows,
        columns,
        (y, x) => values[(prefix + y * from[1] + x) * D + d] as number,
        (y, x, value) => {
          result[(prefix + y * w + x) * D + d] = value;
        },
      );
    }
    return result;
  });
}

/**
 * A patch kernel [out, in, h, w] for patches of another size: timm's `resample_patch_embed`, from FlexiViT,
 * https://arxiv.org/abs/2212.08013. With B the resizing of a patch, the new kernel is (B⁺)ᵀ times the old one: it answers to
 * a resized patch what the old kernel answered to the patch (exactly, where patches grow).
 */
export function resamplePatchEmbed(weight: NamedTensor, to: Size): NamedTensor {
  const [out, channels, height, width] = weight.shape as [number, number, number, number];
  const [h, w] = to;
  return derivedTensor([out, channels, h, w], () => {
    const values = weight.float32();
    const result = new Float32Array(out * channels * h * w);
    // B is the Kronecker product of its rows' and its columns' matrix, and so is its inverse of theirs.
    const rows = transposed(pseudoInverse(resizing(height, h)));
    const columns = transposed(pseudoInverse(resizing(width, w)));
    for (let c = 0; c < out * channels; c++) {
      apply(
        rows,
        columns,
        (y, x) => values[(c * height + y) * width + x] as number,
        (y, x, value) => {
          result[(c * h + y) * w + x] = value;
        },
      );
    }
    return result;
  });
}
