import { decode, readPicture } from "./decode.ts";
import { type DecodeOptions, MAX_PIXELS } from "./decode-options.ts";
import type { Image } from "./image.ts";
import { openJpeg } from "./jpeg/decoder.ts";

/**
 * The same bytes as {@link decode}, sooner, for threads that wait for them anyway: a plain JPEG is decoded on the calling thread, without
 * sharp, whose work for it is half moving rows between threads.
 */
export async function decodeHere(source: Uint8Array | string | URL, options: DecodeOptions = {}): Promise<Image> {
  const { bytes, name } = await readPicture(source, options.name);
  const { icc = false, orientation = true, maxPixels = MAX_PIXELS } = options;
  const jpeg = icc ? undefined : openJpeg(bytes, orientation);
  const image = jpeg && jpeg.width * jpeg.height <= maxPixels ? jpeg.decode() : undefined;
  return image ?? decode(bytes, { ...options, name });
}
