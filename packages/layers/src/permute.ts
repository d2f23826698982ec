/** Shape after `permute`: axis i of the result is axis permute[i] of the input, as in `torch.permute`. */
export function permuteShape(shape: readonly number[], permute: readonly number[] | undefined): number[] {
  return permute ? permute.map((axis) => shape[axis] as number) : [...shape];
}

/** The permutation that undoes `permute`. */
export function invertPermutation(permute: readonly number[]): number[] {
  const inverse: number[] = new Array(permute.length);
  permute.forEach((axis, i) => {
    inverse[axis] = i;
  });
  return inverse;
}

/** Axes that stay neighbours in both orders become one, and axes of length 1 go: fewer, longer loops. */
function collapse(shape: readonly number[], permute: readonly number[]): { shape: number[]; permute: number[] } {
  const order = permute.filter((axis) => shape[axis] !== 1);
  const runs: number[][] = [];
  let last: number | undefined;
  for (const axis of order) {
    // Between two neighbours of the result only axes of length 1 may stand in the input.
    const joins = last !== undefined && axis > last && shape.slice(last + 1, axis).every((n) => n === 1);
    if (joins) (runs.at(-1) as number[]).push(axis);
    else runs.push([axis]);
    last = axis;
  }
  const sorted = [...runs].sort((a, b) => (a[0] as number) - (b[0] as number));
  return {
    shape: sorted.map((run) => run.reduce((n, axis) => n * (shape[axis] as number), 1)),
    permute: runs.map((run) => sorted.indexOf(run)),
  };
}

/** A square of this many floats a side: its lines fit in a first-level cache even where all fall into one of its sets. */
const TILE = 8;

/**
 * out[to + i + j * stepOut] = values[from + i * stepIn + j] for i < rows, j < columns: four by four through registers,
 * twice as fast as one by one.
 */
function transpose(
  values: Float32Array,
  from: number,
  stepIn: number,
  rows: number,
  columns: number,
  out: Float32Array,
  to: number,
  stepOut: number,
): void {
  const rows4 = rows - (rows % 4);
  const columns4 = columns - (columns % 4);
  for (let a = 0; a < rows4; a += TILE) {
    const aEnd = Math.min(a + TILE, rows4);
    for (let b = 0; b < columns4; b += TILE) {
      const bEnd = Math.min(b + TILE, columns4);
      for (let i = a; i < aEnd; i += 4) {
        for (let j = b; j < bEnd; j += 4) {
          const s0 = from + i * stepIn + j;
          const s1 = s0 + stepIn;
          const s2 = s1 + stepIn;
          const s3 = s2 + stepIn;
          let t = to + i + j * stepOut;
          for (let k = 0; k < 4; k++) {
            out[t] = values[s0 + k] as number;
            out[t + 1] = values[s1 + k] as number;
            out[t + 2] = values[s2 + k] as number;
            out[t + 3] = values[s3 + k] as number;
            t += stepOut;
          }
        }
      }
    }
  }
  for (let i = 0; i < rows; i++) {
    for (let j = i < rows4 ? columns4 : 0; j < columns; j++)
      out[to + i + j * stepOut] = values[from + i * stepIn + j] as number;
  }
}

/**
 * Row-major values in a new order of axes. Always a new array. The two axes that are contiguous on either side are
 * walked in tiles: the weights of a ViT-B (86 million) take about as long as reading them from disk.
 */
export function permuteValues(
  values: Float32Array,
  shape: readonly number[],
  permute: readonly number[],
): Float32Array<ArrayBuffer> {
  const axes = collapse(shape, permute);
  const rank = axes.shape.length;
  if (rank < 2) return new Float32Array(values);
  const out = new Float32Array(values.length);
  if (out.length === 0) return out;

  const inStride: number[] = new Array(rank);
  const outStride: number[] = new Array(rank); // indexed by the input's axis
  for (let axis = rank - 1, n = 1; axis >= 0; axis--) {
    inStride[axis] = n;
    n *= axes.shape[axis] as number;
  }
  for (let i = rank - 1, n = 1; i >= 0; i--) {
    const axis = axes.permute[i] as number;
    outStride[axis] = n;
    n *= axes.shape[axis] as number;
  }

  const inner = rank - 1; // contiguous in the input
  const outer = axes.permute[rank - 1] as number; // contiguous in the result
  const rest = axes.shape.map((_, axis) => axis).filter((axis) => axis !== inner && axis !== outer);
  const count = rest.reduce((n, axis) => n * (axes.shape[axis] as number), 1);
  const index = rest.map(() => 0);
  const innerLength = axes.shape[inner] as number;
  if (inner === outer) {
    for (let k = 0, from = 0, to = 0; k < count; k++) {
      out.set(values.subarray(from, from + innerLength), to);
      [from, to] = advance(index, rest, axes.shape, inStride, outStride);
    }
    return out;
  }
  const outerLength = axes.shape[outer] as number;
  const stepIn = inStride[outer] as number;
  const stepOut = outStride[inner] as number;
  for (let k = 0, from = 0, to = 0; k < count; k++) {
    transpose(values, from, stepIn, outerLength, innerLength, out, to, stepOut);
    [from, to] = advance(index, rest, axes.shape, inStride, outStride);
  }
  return out;
}

/** The next position over the remaining axes, as offsets into the input and the result. */
function advance(
  index: number[],
  rest: readonly number[],
  shape: readonly number[],
  inStride: readonly number[],
  outStride: readonly number[],
): [number, number] {
  for (let i = rest.length - 1; i >= 0; i--) {
    index[i] = (index[i] as number) + 1;
    if ((index[i] as number) < (shape[rest[i] as number] as number)) break;
    index[i] = 0;
  }
  let from = 0;
  let to = 0;
  rest.forEach((axis, i) => {
    from += (index[i] as number) * (inStride[axis] as number);
    to += (index[i] as number) * (outStride[axis] as number);
  });
  return [from, to];
}
