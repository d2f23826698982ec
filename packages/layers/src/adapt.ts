import type { NamedTensor, StateDict } from "@vitrail/tensor";

/** A tensor of a checkpoint whose values are made from others when they are read. */
export function derivedTensor(shape: readonly number[], float32: () => Float32Array): NamedTensor {
  return { dtype: "F32", shape, float32 };
}

/** `dict` with some tensors changed; those that `change` gives undefined for stay. Nothing is read. */
export function mapState(
  dict: StateDict,
  change: (name: string, tensor: NamedTensor) => NamedTensor | undefined,
): StateDict {
  return new Map([...dict].map(([name, tensor]) => [name, change(name, tensor) ?? tensor]));
}

/** Several checkpoints as one: every name gets its part's path in front, `joinStates({ vit, resnet })`. */
export function joinStates(parts: Readonly<Record<string, StateDict>>): StateDict {
  return new Map(
    Object.entries(parts).flatMap(([path, dict]) =>
      [...dict].map(([name, tensor]) => [path === "" ? name : `${path}.${name}`, tensor] as const),
    ),
  );
}

/** The part of a checkpoint that lies under `path`, by its names from there. */
export function stateUnder(dict: StateDict, path: string): StateDict {
  const start = `${path}.`;
  return new Map(
    [...dict].flatMap(([name, tensor]) => (name.startsWith(start) ? [[name.slice(start.length), tensor]] : [])),
  );
}

/**
 * The weight of a first convolution, [out, in, kh, kw], for images of another number of channels, as timm's
 * `adapt_input_conv`: for one channel the sum over colours (a grey photo as RGB gives the same answer), for others the
 * colours over and over, scaled so that the sum of all keeps its size. From one channel back to three it is the inverse.
 * A weight of other than one or three channels stays as it is: whose channels they are nobody says.
 */
export function adaptInputConv(weight: NamedTensor, inChans: number): NamedTensor {
  const [out, found, kh, kw] = weight.shape as [number, number, number, number];
  if (weight.shape.length !== 4 || found === inChans || (found !== 1 && found !== 3)) return weight;
  const plane = kh * kw;
  return derivedTensor([out, inChans, kh, kw], () => {
    const values = weight.float32();
    const result = new Float32Array(out * inChans * plane);
    for (let o = 0; o < out; o++) {
      const from = o * found * plane;
      const to = o * inChans * plane;
      for (let i = 0; i < plane; i++) {
        if (inChans === 1) {
          let sum = 0;
          for (let c = 0; c < found; c++) sum += values[from + c * plane + i] as number;
          result[to + i] = sum;
        } else {
          for (let c = 0; c < inChans; c++) {
            result[to + c * plane + i] = ((values[from + (c % found) * plane + i] as number) * found) / inChans;
          }
        }
      }
    }
    return result;
  });
}

/** Whether a checkpoint's classifier is not the one that is wanted: it gives way then, as in timm. */
export function headDiffers(dict: StateDict, head: string, numClasses: number): boolean {
  return classesIn(dict, head) !== numClasses;
}

/** The number of classes of a checkpoint's classifier; undefined where it has none, or several that disagree. */
export function classesIn(dict: StateDict, head: string): number | undefined {
  const own = dict.get(`${head}.weight`)?.shape[0];
  if (own !== undefined) return own;
  // A classifier of several linear layers, one for each part of a fusion.
  const found = new Set(
    [...dict].flatMap(([name, { shape }]) =>
      name.startsWith(`${head}.`) && name.endsWith(".weight") && shape.length === 2 ? [shape[0] as number] : [],
    ),
  );
  return found.size === 1 ? [...found][0] : undefined;
}
