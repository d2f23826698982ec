// Ten crops of each photo, as for AlexNet: four corners and the middle, and their mirror images.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { crop, decode, normalize, resize } from "@vitrail/data";

export const SIDE = 224;
const PIXELS = SIDE * SIDE * 3;

/** The photos of a folder, in name order. */
export const photosIn = (folder) =>
  readdirSync(folder)
    .sort()
    .map((name) => join(folder, name));

/** Ten crops `[10, 224, 224, 3]` of a photo whose short side becomes 256 pixels. */
export async function tenCrops(path, { mean, std }) {
  const photo = await decode(readFileSync(path));
  const scale = 256 / Math.min(photo.width, photo.height);
  const size = (side) => Math.max(256, Math.round(side * scale));
  const image = resize(photo, size(photo.width), size(photo.height), { filter: "bicubic" });
  const [right, bottom] = [image.width - SIDE, image.height - SIDE];
  const corners = [
    [0, 0],
    [right, 0],
    [0, bottom],
    [right, bottom],
    [right >> 1, bottom >> 1],
  ];
  const out = new Float32Array(10 * PIXELS);
  for (const [i, [left, top]] of corners.entries()) {
    const part = normalize(crop(image, { left, top, width: SIDE, height: SIDE }), { mean, std });
    out.set(part, i * PIXELS);
    out.set(mirrored(part), (i + 5) * PIXELS);
  }
  return out;
}

function mirrored(image) {
  const out = new Float32Array(PIXELS);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const [from, to] = [(y * SIDE + x) * 3, (y * SIDE + SIDE - 1 - x) * 3];
      out.set(image.subarray(from, from + 3), to);
    }
  }
  return out;
}
