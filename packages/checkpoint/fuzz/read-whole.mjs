import { readCheckpoint, toTimmNames } from "../dist/index.js";

/** Of tensors that repeat their storage, and of deflated ones: what a small file may become at most. */
const MOST_OF_A_TENSOR = 256 * 2 ** 20;
/** What is read of a file's tensors here: reading all of many large ones would only cost time. */
const MOST_READ = 4 * 2 ** 20;

/** Reads a file to its last tensor, under its own names and under timm's. */
export function readWhole(file) {
  const storage = {
    byteLength: file.length,
    bytes(begin, end) {
      if (!(0 <= begin && begin <= end && end <= file.length))
        throw new Error(`asked for ${begin} to ${end} of ${file.length}`);
      return file.subarray(begin, end);
    },
  };
  const checkpoint = toTimmNames(readCheckpoint(storage, { name: "fuzz" }), { name: "fuzz" });
  if (checkpoint.notes.some((note) => /\n/.test(note) || note.length > 2000)) throw new Error("a note of many lines");
  let left = MOST_READ;
  for (const [name, tensor] of checkpoint.tensors) {
    const elements = tensor.shape.reduce((a, b) => a * b, 1);
    const size = elements * 8; // at most
    if (size > 2 * MOST_OF_A_TENSOR) throw new Error(`${name} of [${tensor.shape}] in ${file.length} bytes`);
    if (size > left) continue;
    left -= size;
    const bytes = tensor.bytes();
    if (elements > 0 && bytes.length / elements > 8)
      throw new Error(`${name}: ${bytes.length} bytes for [${tensor.shape}]`);
    try {
      if (tensor.float32().length !== elements) throw new Error(`${name}: not ${elements} values`);
    } catch (error) {
      if (error.code !== "unsupported-dtype") throw error;
    }
  }
}
