import { decode, readPicture } from "./decode.ts";
import { type DecodeOptions, MAX_PIXELS } from "./decode-options.ts";
import type { Region } from "./image.ts";
import { openJpeg } from "./jpeg/decoder.ts";
import type { Window } from "./resize.ts";

/**
 * What of a picture is needed, with the bytes of {@link decode}, for threads that wait for it: of a plain JPEG only that part is decoded,
 * on the calling thread and without sharp, whose work for it is half moving rows between threads.
 *
 * @param needed - the part, of a picture of that size
 */
export async function decodeHere(
  source: Uint8Array | string | URL,
  options: DecodeOptions,
  needed: (width: number, height: number) => Region,
): Promise<Window> {
  const { bytes, name } = await readPicture(source, options.name);
  const { icc = false, orientation = true, maxPixels = MAX_PIXELS } = options;
  const jpeg = icc ? undefined : openJpeg(bytes, orientation);
  if (jpeg && jpeg.width * jpeg.height <= maxPixels) {
    const { width, height } = jpeg;
    const region = needed(width, height);
    const image = jpeg.decode(region);
    if (image) return { image, left: region.left, top: region.top, width, height };
  }
  const image = await decode(bytes, { ...options, name });
  return { image, left: 0, top: 0, width: image.width, height: image.height };
}
