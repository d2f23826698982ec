import { open } from "node:fs/promises";
import { kindOf } from "../probe.ts";

/** Endings under which files count as pictures without being opened: whether they are good ones shows when they are decoded. */
const ENDINGS: readonly string[] = [
  ...["jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "tif", "tiff", "avif"],
  // kinds that are not decoded, and that people do put among their pictures: they are named as bad, not passed over
  ...["bmp", "ppm", "pgm", "pbm", "pnm", "heic", "heif", "jp2", "jxl", "img"],
];

/** Whether a name ends as a picture's does. */
export function namedAsPicture(name: string): boolean {
  const dot = name.lastIndexOf(".");
  return dot >= 0 && ENDINGS.includes(name.slice(dot + 1).toLowerCase());
}

/** Whether the first bytes are a picture's. Files under another name than a picture's are told so. */
export async function beginsAsPicture(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const bytes = new Uint8Array(512);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return kindOf(bytes.subarray(0, bytesRead)) !== undefined;
  } finally {
    await file.close();
  }
}
