import { CheckpointError, quote } from "./errors.ts";

/**
 * Says what a file is that is no checkpoint, from its first bytes.
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
    fail("unknown-format", `this is JSON text (${quote(firstLine(trimmed))}), expected a checkpoint`);
  }
  if (printable(text)) fail("unknown-format", `this is text (${quote(firstLine(text))}), expected a checkpoint`);
  return fail(
    "unknown-format",
    `no checkpoint format is recognised in these ${byteLength} bytes (they begin ${hex(head)}), expected safetensors, torch's or numpy's`,
  );
}

const GENERIC_ADVICE = "convert it to safetensors";

function foreignFormat(text: string): { is: string; advice: string } | undefined {
  if (text.startsWith("PK\x03\x04") || text.startsWith("PK\x05\x06")) {
    return { is: "zip, neither of torch nor of numpy", advice: "unpack it, and give the checkpoint in it" };
  }
  // PROTO 2 to 5, without torch's magic number behind it
  if (text[0] === "\x80" && text.charCodeAt(1) >= 2 && text.charCodeAt(1) <= 5)
    return {
      is: "a pickle that torch.save did not write",
      advice: "load it in Python, and torch.save the dict of tensors",
    };
  if (text.startsWith("\x89HDF\r\n\x1a\n")) return { is: "HDF5 (Keras)", advice: GENERIC_ADVICE };
  if (text.startsWith("GGUF")) return { is: "GGUF", advice: GENERIC_ADVICE };
  if (text.slice(4, 8) === "TFL3") return { is: "TensorFlow Lite", advice: GENERIC_ADVICE };
  if (text.startsWith("\x1f\x8b")) return { is: "gzip", advice: "unpack it first" };
  if (text.slice(257, 262) === "ustar")
    return {
      is: "tar",
      advice: "unpack it and give the checkpoint in it (if torch wrote the tar itself, torch.save it again)",
    };
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
