import sharp from "sharp";
import { type ImageKind, kindOf } from "../probe.ts";
import { createSampleReader } from "./sample.ts";
import type { SampleSource } from "./types.ts";

/** A sample as a file of its own: its bytes as they are, or a PNG of its pixels. */
export interface PictureFile {
  readonly bytes: Uint8Array;
  /** What the bytes are; undefined where they are no picture that is known here. */
  readonly kind: ImageKind | undefined;
}

/** What would be in a file that holds this sample alone. */
export async function pictureFile(source: SampleSource): Promise<PictureFile> {
  if (source.kind === "pixels") {
    const { width, height, data } = source.image;
    return {
      bytes: await sharp(data, { raw: { width, height, channels: 3 } })
        .png()
        .toBuffer(),
      kind: "png",
    };
  }
  const reader = createSampleReader();
  try {
    const bytes = await reader.bytes(source);
    return { bytes, kind: kindOf(bytes) };
  } finally {
    await reader.dispose();
  }
}
