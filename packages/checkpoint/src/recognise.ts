import { CheckpointError, quote } from "./errors.ts";

/**
 * Says what a file is that is not safetensors, from its first bytes.
 *
 * @param head the first kilobyte, or what there is
 * @throws CheckpointError, always
 */
export function explainOtherFormat(head: Uint8Array, byteLength: number, file?: string): never {
  const text = latin1(head);
  const fail = (code: "lfs-pointer" | "web-page" | "unknown-format" | "unsupported-format", why: string): never => {
    throw new CheckpointError(code, why, file);
  };
  if (text.startsWith("version https://git-lfs")) {
    const size = /\nsize (\d+)/.exec(text)?.[1];
    fail(
      "lfs-pointer",
      `this is a Git LFS pointer${size ? ` to a file of ${size} bytes` : ""}, not the weights; fetch them with \`git lfs pull\``,
    );
  }
  const trimmed = text.replace(/^(\xef\xbb\xbf)?\s*/, "");
  if (/^<(!doctype|html|head|body|\?xml|!--|script)/i.test(trimmed)) {
    const title = /<title[^>]*>([^<]{1,80})/i.exec(text)?.[1]?.trim();
    fail(
      "web-page",
      `this is a web page${title ? ` (${quote(title)})` : ""}, not weights; check the address and whether it asks for a login`,
    );
  }
  const known = foreignFormat(text);
  if (known)
    fail("unsupported-format", `this file comes as ${known.is}, which this version does not read; ${known.advice}`);
  if (/^[{[]/.test(trimmed) && printable(trimmed)) {
    fail("unknown-format", `this is JSON text (${quote(firstLine(trimmed))}), expected a safetensors checkpoint`);
  }
  if (printable(text))
    fail("unknown-format", `this is text (${quote(firstLine(text))}), expected a safetensors checkpoint`);
  return fail(
    "unknown-format",
    `no checkpoint format is recognised in these ${byteLength} bytes (they begin ${hex(head)}), expected safetensors`,
  );
}

const TORCH_ADVICE =
  "convert it in Python: safetensors.torch.save_file(torch.load(path, weights_only=True), 'model.safetensors')";
const NUMPY_ADVICE = "convert it in Python: safetensors.numpy.save_file(dict(numpy.load(path)), 'model.safetensors')";
const GENERIC_ADVICE = "convert it to safetensors";

function foreignFormat(text: string): { is: string; advice: string } | undefined {
  if (text.startsWith("PK\x03\x04") || text.startsWith("PK\x05\x06")) {
    const name = text.slice(30, 30 + ((text.charCodeAt(26) || 0) | ((text.charCodeAt(27) || 0) << 8)));
    if (name.endsWith(".npy")) return { is: "npz (a numpy archive)", advice: NUMPY_ADVICE };
    if (/(^|\/)(data\.pkl|byteorder|version|\.format_version|\.storage_alignment|constants\.pkl)$/.test(name)) {
      return { is: "torch (a zip of pickles)", advice: TORCH_ADVICE };
    }
    return { is: "zip", advice: "unpack it, and give the checkpoint in it" };
  }
  // PROTO 2 to 5; torch's legacy format begins with such a pickle, its magic number
  if (text[0] === "\x80" && text.charCodeAt(1) >= 2 && text.charCodeAt(1) <= 5)
    return { is: "torch or another pickle", advice: TORCH_ADVICE };
  if (text.startsWith("\x93NUMPY")) return { is: "npy (one numpy array)", advice: NUMPY_ADVICE };
  if (text.startsWith("\x89HDF\r\n\x1a\n")) return { is: "HDF5 (Keras)", advice: GENERIC_ADVICE };
  if (text.startsWith("GGUF")) return { is: "GGUF", advice: GENERIC_ADVICE };
  if (text.slice(4, 8) === "TFL3") return { is: "TensorFlow Lite", advice: GENERIC_ADVICE };
  if (text.startsWith("\x1f\x8b")) return { is: "gzip", advice: "unpack it first" };
  if (text.slice(257, 262) === "ustar") return { is: "tar", advice: "unpack it, and give the checkpoint in it" };
  if (text.startsWith("\x89PNG") || text.startsWith("\xff\xd8\xff") || text.startsWith("GIF8")) {
    return { is: "an image", advice: "give the weights here" };
  }
  return undefined;
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => String.fromCharCode(b)).join("");
}

function printable(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what tells bytes from text
  return !/[\x00-\x08\x0e-\x1f]/.test(text);
}

function firstLine(text: string): string {
  return text.trim().split(/[\r\n]/)[0] as string;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, 8), (b) => b.toString(16).padStart(2, "0")).join(" ");
}
