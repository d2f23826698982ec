/** The gradients that tfjs lacks, and those of its own that fail where the op itself works or cost more than they should. */
import {
  broadcast_util,
  cumprod,
  type GradConfig,
  gatherND,
  getGradient,
  matMul,
  mul,
  pad,
  registerGradient,
  reshape,
  reverse,
  scatterND,
  slice,
  slice_util,
  sum,
  type Tensor,
  tidy,
  transpose,
  unregisterGradient,
  util,
  zeros,
  zerosLike,
} from "@tensorflow/tfjs-core";
import { reluGradient } from "../native/relu.ts";

/** A comparison is flat: its gradient is zero, but `where` asks for it. */
const comparison = (kernelName: string, inputs: readonly string[]): GradConfig => ({
  kernelName,
  inputsToSave: [...inputs],
  gradFunc: (_dy: Tensor | Tensor[], saved: Tensor[]) =>
    Object.fromEntries(inputs.map((name, i) => [name, () => zerosLike(saved[i] as Tensor)])),
});

const gatherNd: GradConfig = {
  kernelName: "GatherNd",
  inputsToSave: ["params", "indices"],
  gradFunc: (dy: Tensor | Tensor[], saved: Tensor[]) => {
    const [params, indices] = saved as [Tensor, Tensor];
    return {
      params: () => scatterND(indices, dy as Tensor, params.shape as never),
      indices: () => zerosLike(indices),
    };
  },
};

const scatterNd: GradConfig = {
  kernelName: "ScatterNd",
  inputsToSave: ["indices"],
  gradFunc: (dy: Tensor | Tensor[], saved: Tensor[]) => {
    const indices = saved[0] as Tensor;
    return { updates: () => gatherND(dy as Tensor, indices), indices: () => zerosLike(indices) };
  },
};

interface StridedSliceAttrs {
  readonly begin: number[];
  readonly end: number[];
  readonly strides: number[];
  readonly beginMask: number;
  readonly endMask: number;
  readonly ellipsisMask: number;
  readonly newAxisMask: number;
  readonly shrinkAxisMask: number;
}

/** dy goes back to where it came from, with zeros between. */
function spread(dy: Tensor, shape: number[], attrs: StridedSliceAttrs): Tensor {
  if (attrs.shrinkAxisMask !== 0) {
    // tfjs 4.22 reads other values than it should there: x[::2, 1] starts at x[0, 0].
    throw new Error("the gradient of stridedSlice: expected shrinkAxisMask 0; slice the axis to 1 and squeeze it");
  }
  const { beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attrs;
  const { begin, end, strides } = slice_util.sliceInfo(
    shape,
    attrs.begin,
    attrs.end,
    attrs.strides,
    beginMask,
    endMask,
    ellipsisMask,
    newAxisMask,
    shrinkAxisMask,
  );
  const counts = shape.map((_, axis) => {
    const span = ((end[axis] as number) - (begin[axis] as number)) / (strides[axis] as number);
    return Math.max(0, Math.ceil(span));
  });
  if (counts.includes(0)) return zeros(shape);
  let out = reshape(dy, counts);
  shape.forEach((side, axis) => {
    const stride = strides[axis] as number;
    const step = Math.abs(stride);
    const count = counts[axis] as number;
    if (stride < 0) out = reverse(out, axis);
    const first = stride < 0 ? (begin[axis] as number) + (count - 1) * stride : (begin[axis] as number);
    const before = out.shape.slice(0, axis);
    const after = out.shape.slice(axis + 1);
    if (step > 1) {
      const flat = reshape(out, [product(before) * count, 1, product(after)]);
      const zeros: [number, number][] = [
        [0, 0],
        [0, step - 1],
        [0, 0],
      ];
      const long = reshape(pad(flat, zeros), [...before, count * step, ...after]);
      const from = new Array<number>(long.rank).fill(0);
      out = slice(long, from, [...before, (count - 1) * step + 1, ...after]);
    }
    const room = side - first - ((count - 1) * step + 1);
    const edges = out.shape.map((_, i): [number, number] => (i === axis ? [first, room] : [0, 0]));
    if (first > 0 || room > 0) out = pad(out, edges);
  });
  return out;
}

const product = (shape: readonly number[]): number => shape.reduce((all, side) => all * side, 1);

const stridedSlice: GradConfig = {
  kernelName: "StridedSlice",
  inputsToSave: ["x"],
  gradFunc: (dy: Tensor | Tensor[], saved: Tensor[], attrs: unknown) => {
    const shape = (saved[0] as Tensor).shape;
    return { x: () => tidy(() => spread(dy as Tensor, shape, attrs as StridedSliceAttrs)) };
  },
};

/** Sums a gradient over the axes along which its operand was repeated. */
function unbroadcast(gradient: Tensor, shape: number[]): Tensor {
  const axes = broadcast_util.getReductionAxes(shape, gradient.shape);
  return reshape(axes.length > 0 ? sum(gradient, axes) : gradient, shape);
}

/** tfjs's own gradient of a product, but summed where one operand served many: [B, N, in] × [in, out]. */
function batchMatMul(original: GradConfig): GradConfig {
  return {
    ...original,
    gradFunc: (dy: Tensor | Tensor[], saved: Tensor[], attrs: unknown) => {
      const [a, b] = saved as [Tensor, Tensor];
      const { transposeA, transposeB } = attrs as { transposeA?: boolean; transposeB?: boolean };
      const own = original.gradFunc(dy, saved, attrs as never);
      // Rank 2 on the right: all products are one, and no batch of gradients is made only to be summed.
      if (b.rank === 2 && a.rank > 2 && !transposeA) {
        const flatA = () => reshape(a, [-1, a.shape[a.rank - 1] as number]);
        const flatDy = () => reshape(dy as Tensor, [-1, (dy as Tensor).shape[a.rank - 1] as number]);
        return {
          a: () => tidy(() => reshape(matMul(flatDy(), b as Tensor, false, !transposeB), a.shape)),
          b: () => tidy(() => (transposeB ? matMul(flatDy(), flatA(), true) : matMul(flatA(), flatDy(), true))),
        };
      }
      return {
        a: () => tidy(() => unbroadcast((own.a as () => Tensor)(), a.shape)),
        b: () => tidy(() => unbroadcast((own.b as () => Tensor)(), b.shape)),
      };
    },
  };
}

/** tfjs's own calls methods of tensors that only exist where its chained ops were imported. */
const prod: GradConfig = {
  kernelName: "Prod",
  inputsToSave: ["x"],
  gradFunc: (dy: Tensor | Tensor[], saved: Tensor[], attrs: unknown) => {
    const x = saved[0] as Tensor;
    const { axis } = attrs as { axis?: number | number[] | null };
    const axes = util.parseAxisParam(axis as number[], x.shape);
    const kept = x.shape.flatMap((_, i) => (axes.includes(i) ? [] : [i]));
    const order = [...kept, ...axes];
    const derivative = () => {
      const turned = transpose(x, order);
      const keptShape = kept.map((i) => x.shape[i] as number);
      const flat = reshape(turned, [...keptShape, -1]);
      // All factors but one: those before it times those after it, so that a zero is no trouble.
      const others = mul(cumprod(flat, kept.length, true, false), cumprod(flat, kept.length, true, true));
      const slope = mul(reshape(dy as Tensor, [...keptShape, 1]), others);
      const back = order.map((_, i) => order.indexOf(i));
      return transpose(reshape(slope, turned.shape), back);
    };
    return { x: () => tidy(derivative) };
  },
};

/** tfjs's own cuts out each repetition and adds it: a batch of 128 images with one class token is 256 ops. */
const tile: GradConfig = {
  kernelName: "Tile",
  inputsToSave: ["x"],
  gradFunc: (dy: Tensor | Tensor[], saved: Tensor[], attrs: unknown) => {
    const { shape } = saved[0] as Tensor;
    const { reps } = attrs as { reps: readonly number[] };
    // An axis that is repeated is two, repetition and position; its neighbours that are not are one.
    const [axes, sides] = [[] as number[], [1]];
    for (const [i, side] of shape.entries()) {
      const times = reps[i] as number;
      if (times === 1) {
        sides.push((sides.pop() as number) * side);
      } else {
        axes.push(sides.length);
        sides.push(times, side);
      }
    }
    return {
      x: () => tidy(() => reshape(axes.length > 0 ? sum(reshape(dy as Tensor, sides), axes) : (dy as Tensor), shape)),
    };
  },
};

/** Marks a gradient of ours. A plain name, so that another copy of this package knows it too. */
const ours = "vitrailGradient";

/**
 * Registers them, after tfjs's own. To be called again whenever a package may have registered tfjs's anew: those that
 * are ours already, this copy's or another's, are left alone.
 */
export function registerExtraGradients(): void {
  const register = (config: GradConfig) => registerGradient(Object.assign(config, { [ours]: true }));
  const isOurs = (config: GradConfig) => (config as { [ours]?: boolean })[ours] === true;
  const added = [
    ...["Equal", "NotEqual", "Greater", "Less", "LessEqual", "LogicalAnd", "LogicalOr"].map((name) =>
      comparison(name, ["a", "b"]),
    ),
    comparison("LogicalNot", ["x"]),
    gatherNd,
    scatterNd,
    stridedSlice,
  ];
  for (const config of added) if (getGradient(config.kernelName) === undefined) register(config);
  const mends: [string, (original: GradConfig) => GradConfig][] = [
    ["Prod", () => ({ ...prod })],
    ["Tile", () => ({ ...tile })],
    ["BatchMatMul", batchMatMul],
    ["Relu", reluGradient],
  ];
  for (const [name, mend] of mends) {
    const original = getGradient(name);
    if (original === undefined || isOurs(original)) continue;
    unregisterGradient(name);
    register(mend(original));
  }
}
