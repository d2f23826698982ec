import type { Rng } from "@vitrail/random";
import { roundHalfEven } from "../crop.ts";
import { ImageError } from "../errors.ts";
import { Draws } from "./draws.ts";

export interface ErasingOptions {
  /** Probability that a picture loses anything. timm's `reprob`; its default there is 0.5 for the class, 0 for a recipe. */
  readonly prob: number;
  /** What fills a box: `"const"` 0 (the mean), `"rand"` one normal colour, `"pixel"` normal noise. Default `"const"`. */
  readonly mode?: "const" | "rand" | "pixel" | undefined;
  /** Most boxes; their number is drawn from 1 to this. Default 1. */
  readonly count?: number | undefined;
  /** Range of a box's area, as a part of the picture's, before it is divided by the number of boxes. Default [0.02, 1/3]. */
  readonly area?: readonly [number, number] | undefined;
  /** Least ratio of height to width; the greatest is its inverse. Default 0.3. */
  readonly minAspect?: number | undefined;
}

/** Throws unless `p` is a probability. */
export function assertProbability(name: string, p: number): void {
  if (!(p >= 0 && p <= 1)) throw new ImageError("bad-argument", `${name}: expected a number from 0 to 1, found ${p}`);
}

/**
 * Erases random boxes of a normalised picture: timm's `RandomErasing` (https://arxiv.org/abs/1708.04896), on one picture.
 *
 * @returns a function that changes `[height, width, channels]` in place
 */
export function randomErasing(
  height: number,
  width: number,
  channels: number,
  options: ErasingOptions,
): (pixels: Float32Array, rng: Rng) => void {
  const { prob, mode = "const", count: most = 1, area: range = [0.02, 1 / 3], minAspect = 0.3 } = options;
  assertProbability("random erasing's prob", prob);
  if (mode !== "const" && mode !== "rand" && mode !== "pixel")
    throw new ImageError("bad-argument", `random erasing's mode: expected const, rand or pixel, found ${mode}`);
  if (!Number.isSafeInteger(most) || most < 1)
    throw new ImageError(
      "bad-argument",
      `random erasing's count: expected a whole number of at least 1, found ${most}`,
    );
  const logAspect = Math.abs(Math.log(minAspect));
  return (pixels, rng) => {
    const draws = new Draws(rng);
    if (!draws.chance(prob)) return;
    const count = most === 1 ? 1 : 1 + draws.integer(most);
    for (let box = 0; box < count; box++) {
      for (let attempt = 0; attempt < 10; attempt++) {
        const target = (draws.uniform(...range) * height * width) / count;
        const aspect = Math.exp(draws.uniform(-logAspect, logAspect));
        const h = roundHalfEven(Math.sqrt(target * aspect));
        const w = roundHalfEven(Math.sqrt(target / aspect));
        if (w >= width || h >= height) continue;
        const top = draws.integer(height - h + 1);
        const left = draws.integer(width - w + 1);
        const line = w * channels;
        let noise: Float32Array | undefined;
        if (mode === "pixel")
          noise = rng
            .at("noise")
            .at(box)
            .normal(h * line);
        else if (mode === "rand") {
          const colour = rng.at("noise").at(box).normal(channels);
          noise = Float32Array.from({ length: line }, (_, i) => colour[i % channels] as number);
        }
        for (let y = 0; y < h; y++) {
          const from = ((top + y) * width + left) * channels;
          if (!noise) pixels.fill(0, from, from + line);
          else if (mode === "rand") pixels.set(noise, from);
          else pixels.set(noise.subarray(y * line, (y + 1) * line), from);
        }
        break;
      }
    }
  };
}
