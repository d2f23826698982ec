import type { Rng } from "@vitrail/random";
import { ImageError } from "../errors.ts";
import type { Image } from "../image.ts";
import { Draws } from "./draws.ts";
import { adjustBrightness, adjustContrast, adjustSaturation } from "./enhance.ts";
import { adjustHue } from "./hue.ts";

/** How far each goes: factors are drawn uniformly from [max(0, 1 - v), 1 + v], the hue from [-v, v]. */
export interface ColorJitterOptions {
  readonly brightness?: number | undefined;
  readonly contrast?: number | undefined;
  readonly saturation?: number | undefined;
  /** At most 0.5. */
  readonly hue?: number | undefined;
}

/** Changes brightness, contrast, saturation and hue in random order: torchvision's `ColorJitter`. */
export function colorJitter({
  brightness = 0,
  contrast = 0,
  saturation = 0,
  hue = 0,
}: ColorJitterOptions): (image: Image, rng: Rng) => Image {
  for (const [name, value] of Object.entries({ brightness, contrast, saturation, hue }))
    if (!(value >= 0 && value <= (name === "hue" ? 0.5 : Number.MAX_VALUE)))
      throw new ImageError(
        "bad-argument",
        `color jitter's ${name}: expected a number from 0${name === "hue" ? " to 0.5" : ""}, found ${value}`,
      );
  const factor = (draws: Draws, v: number): number => draws.uniform(Math.max(0, 1 - v), 1 + v);
  return (image, rng) => {
    const draws = new Draws(rng);
    const order = rng.at("order").permutation(4);
    const b = factor(draws, brightness);
    const c = factor(draws, contrast);
    const s = factor(draws, saturation);
    const h = draws.uniform(-hue, hue);
    let out = image;
    for (const which of order) {
      if (which === 0 && brightness > 0) out = adjustBrightness(out, b);
      else if (which === 1 && contrast > 0) out = adjustContrast(out, c);
      else if (which === 2 && saturation > 0) out = adjustSaturation(out, s);
      else if (which === 3 && hue > 0) out = adjustHue(out, h);
    }
    return out;
  };
}
