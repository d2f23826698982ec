import type { EngineInfo } from "@vitrail/classify";

/**
 * What to tell someone whose photos could be classified several times faster; undefined where nothing can be done. npm leaves the native
 * runtime out, without a word, where its install script cannot fetch files for graphics cards: the setting makes it do without them.
 */
export function engineNote({ name, tried }: EngineInfo): string | undefined {
  const lacks = tried.some(({ reason }) => reason.includes("onnxruntime-node is not installed"));
  if (name === "ort" || !lacks) return undefined;
  const instead = name === "ort-web" ? "its slower sibling onnxruntime-web computes" : "plain TensorFlow.js computes";
  return `onnxruntime-node is not installed: ${instead}. "ONNXRUNTIME_NODE_INSTALL=skip npm install vitrail" (with --global where vitrail is) brings it.`;
}
