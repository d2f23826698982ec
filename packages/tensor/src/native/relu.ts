import {
  engine,
  type GradConfig,
  getKernel,
  type KernelConfig,
  type NamedTensorMap,
  type Tensor,
  type TensorInfo,
} from "@tensorflow/tfjs-core";
import { nativeEngine } from "./load.ts";

/** TensorFlow's name; tfjs has no kernel for it. */
const ReluGrad = "ReluGrad";

/** The part of tfjs-node's backend that runs any op of TensorFlow. */
interface NativeBackend {
  readonly binding: { readonly TF_ATTR_TYPE: number };
  typeAttributeFromTensor(value: TensorInfo): number;
  executeSingleOutput(op: string, attributes: readonly object[], inputs: readonly TensorInfo[]): Tensor;
}

/** dy where x > 0, else 0, in one pass: a thirtieth of the time of `step` and a product, which tfjs-node makes of five. */
export const reluGradConfig = (): KernelConfig => ({
  kernelName: ReluGrad,
  backendName: nativeEngine,
  kernelFunc: ({ inputs, backend }) => {
    const { dy, x } = inputs as { dy: TensorInfo; x: TensorInfo };
    const native = backend as NativeBackend;
    const type = { name: "T", type: native.binding.TF_ATTR_TYPE, value: native.typeAttributeFromTensor(x) };
    return native.executeSingleOutput(ReluGrad, [type], [dy, x]);
  },
});

/** tfjs's own gradient, or TensorFlow's where it runs. */
export const reluGradient = (original: GradConfig): GradConfig => ({
  ...original,
  gradFunc: (dy, saved, attrs) => {
    if (getKernel(ReluGrad, engine().backendName) === undefined) return original.gradFunc(dy, saved, attrs);
    const inputs = { dy, x: saved[0] } as NamedTensorMap;
    return { x: () => engine().runKernel(ReluGrad, inputs) as Tensor };
  },
});
