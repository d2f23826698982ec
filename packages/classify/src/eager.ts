import type { ImageModel } from "@vitrail/layers";
import { type BackendReport, type Tensor4D, tensor4d, tidy } from "@vitrail/tensor";
import type { EngineInfo, Runner } from "./engine.ts";

/** The model as it is written, on the tfjs backend. */
export function eagerRunner(
  model: ImageModel,
  [height, width]: readonly [number, number],
  backend: BackendReport,
  why: Pick<EngineInfo, "reason" | "tried">,
): Runner {
  return {
    engine: { name: "tfjs", provider: undefined, ...why },
    backend,
    async run(values, n) {
      // tidy is synchronous: no other call's tensors can come between.
      const logits = tidy(() => model.forward(tensor4d(values, [n, height, width, 3]) as Tensor4D));
      try {
        return (await logits.data()) as Float32Array;
      } finally {
        logits.dispose();
      }
    },
    async dispose() {},
  };
}
