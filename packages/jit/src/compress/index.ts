/** Compression, which is loaded when something is compressed: most programs never do. */
import type { Traceable } from "../compile.ts";
import type { QuantizeOptions } from "./quantize.ts";
import type { Quantized } from "./quantized.ts";

/**
 * Compresses a model: half-precision weights, or layers in eight bits (unsigned activations, signed weights of a scale a channel),
 * with smallest weights set to zero where asked.
 * @throws JitError "bad-input" for options that make no sense and calibration that does not fit the input; "engine-failed" where
 *   int8 is to be measured and no ONNX Runtime is installed
 */
export async function quantize(target: Traceable, options: QuantizeOptions): Promise<Quantized> {
  const { compress } = await import("./quantize.ts");
  return compress(target, options);
}
