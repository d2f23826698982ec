import type { Rng } from "@vitrail/random";
import { ImageError } from "../errors.ts";
import { assertSize, type Image } from "../image.ts";
import { applyTable, normalizeTable } from "../transform.ts";
import { Draws } from "./draws.ts";
import { assertProbability, randomErasing } from "./erasing.ts";
import { hflip, vflip } from "./flip.ts";
import { toGrayscale } from "./grayscale.ts";
import { type Interpolation, randomResizedCrop } from "./resized-crop.ts";

/** What happens to a training picture; names, defaults and order are those of timm's `create_transform`. Plain data. */
export interface TrainTransformOptions {
  /** `[channels, height, width]` of what the model takes; 1 channel turns pictures grey first, as Pillow's mode L. */
  readonly inputSize: readonly [number, number, number];
  /** Mean of each channel, on the scale 0-1. Of three means for one channel, the average counts. */
  readonly mean: readonly number[];
  /** Standard deviation of each channel, on the scale 0-1. */
  readonly std: readonly number[];
  /** Range of the crop's area, as a part of the picture's. Default [0.08, 1]. */
  readonly scale?: readonly [number, number] | undefined;
  /** Range of the crop's aspect ratio. Default [3/4, 4/3]. */
  readonly ratio?: readonly [number, number] | undefined;
  /** Filter of the resize. Default `"random"`: bilinear or bicubic. */
  readonly interpolation?: Interpolation | undefined;
  /** Probability of a horizontal flip. Default 0.5. */
  readonly hflip?: number | undefined;
  /** Probability of a vertical flip. Default 0. */
  readonly vflip?: number | undefined;
  /** Probability of random erasing. Default 0. */
  readonly reProb?: number | undefined;
  /** What fills an erased box. Default `"const"`. */
  readonly reMode?: "const" | "rand" | "pixel" | undefined;
  /** Most erased boxes. Default 1. */
  readonly reCount?: number | undefined;
}

/** Turns a picture into a model's training input. Reusable and stateless. */
export interface TrainTransform {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /**
   * @param image - any size
   * @param rng - the sample's stream: the same stream gives the same pixels
   * @param out - where to write, for a batch in one array
   * @returns `[height, width, channels]`, normalised
   */
  (image: Image, rng: Rng, out?: Float32Array): Float32Array;
}

type Step = (image: Image, rng: Rng) => Image;

/** Mean or deviation for each channel of the table, which always has three. */
export function perChannel(name: string, values: readonly number[], channels: number): readonly number[] {
  if (values.length === 3 && channels === 3) return values;
  if (values.length !== 1 && values.length !== 3)
    throw new ImageError("bad-argument", `${name}: expected 1 or 3 numbers, found ${values.length}`);
  const average = values.reduce((a, b) => a + b, 0) / values.length;
  return [average, average, average];
}

/**
 * The training transform of a recipe: crop, flip, augment, normalise, erase. Each part draws from a stream of its own,
 * so that switching one on changes no other's draws.
 */
export function trainTransform(options: TrainTransformOptions): TrainTransform {
  const { inputSize, hflip: horizontal = 0.5, vflip: vertical = 0, reProb = 0 } = options;
  const [channels, height, width] = inputSize;
  assertSize(width, height);
  if (channels !== 1 && channels !== 3)
    throw new ImageError("bad-argument", `inputSize: expected 1 or 3 channels, found ${channels}`);
  const table = normalizeTable(perChannel("mean", options.mean, channels), perChannel("std", options.std, channels));
  assertProbability("hflip", horizontal);
  assertProbability("vflip", vertical);
  const steps: { readonly name: string; readonly run: Step }[] = [
    { name: "crop", run: randomResizedCrop(width, height, options) },
  ];
  if (horizontal > 0)
    steps.push({ name: "hflip", run: (image, rng) => (new Draws(rng).chance(horizontal) ? hflip(image) : image) });
  if (vertical > 0)
    steps.push({ name: "vflip", run: (image, rng) => (new Draws(rng).chance(vertical) ? vflip(image) : image) });
  const erase =
    reProb > 0
      ? randomErasing(height, width, channels, { prob: reProb, mode: options.reMode, count: options.reCount })
      : undefined;

  const size = width * height * channels;
  const transform = (image: Image, rng: Rng, out: Float32Array = new Float32Array(size)): Float32Array => {
    if (out.length !== size)
      throw new ImageError(
        "bad-argument",
        `out: expected ${height} x ${width} x ${channels} = ${size} numbers, found ${out.length}`,
      );
    let at = channels === 1 ? toGrayscale(image) : image;
    for (const { name, run } of steps) at = run(at, rng.at(name));
    if (channels === 3) applyTable(at.data, table, out, 0, size);
    else for (let i = 0; i < size; i++) out[i] = table[at.data[i * 3] as number] as number;
    erase?.(out, rng.at("erase"));
    return out;
  };
  return Object.assign(transform, { height, width, channels });
}
