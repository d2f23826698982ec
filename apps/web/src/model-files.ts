/** Which of the user's files are a model. */

/** Whether a file is, by its name, part of a model and no photo. */
export function isOfModel({ name }: Pick<File, "name">): boolean {
  return /\.(json|safetensors|pth|pt|bin|ckpt|npz|onnx)$/i.test(name);
}

const CONFIG = "config.json";
const MODEL = "model.safetensors";
const INDEX = "model.safetensors.index.json";

/**
 * Files by the names that a weights folder gives them. One `.json` or `.safetensors` alone may be called otherwise, as a browser calls
 * what it downloads twice: `config (1).json`.
 *
 * @param folder the name of the folder that was dropped; undefined for files that were chosen one by one
 * @throws Error in one line, where a part is missing
 */
export function modelFiles(files: readonly File[], folder?: string): ReadonlyMap<string, File> {
  const found = new Map(files.map((file) => [file.name, file]));
  const stands = (name: string, ending: RegExp) => {
    if (found.has(name)) return true;
    const [only, ...others] = files.filter(({ name }) => ending.test(name));
    if (!only || others.length > 0) return false;
    found.set(name, only);
    return true;
  };
  const missing = [
    ...(stands(CONFIG, /(?<!\.index)\.json$/i) ? [] : [CONFIG]),
    ...(found.has(INDEX) || stands(MODEL, /\.safetensors$/i) ? [] : [MODEL]),
  ];
  if (missing.length === 0) return found;
  const other = files.find(({ name }) => /\.(pth|pt|bin|ckpt|npz)$/i.test(name));
  if (other && missing.includes(MODEL)) {
    throw new Error(
      `${other.name} is no safetensors file: "vitrail convert ${other.name} --model NAME --out ${MODEL}" makes one of it`,
    );
  }
  const lacks = missing.join(" and no ");
  const both = `a model is ${CONFIG} and ${MODEL} together`;
  throw new Error(
    folder === undefined
      ? `There is no ${lacks} among the files: ${both}, choose them at once`
      : `${folder} holds no ${lacks}: ${both}, drop the folder that holds them`,
  );
}
