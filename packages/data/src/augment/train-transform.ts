import type { Rng } from "@vitrail/random";
import { crop, type Rgb, roundHalfEven } from "../crop.ts";
import { ImageError } from "../errors.ts";
import { assertSize, type Image, type Region } from "../image.ts";
import { applyTable, normalizeTable } from "../transform.ts";
import { autoAugment, parseAutoAugment } from "./auto-augment.ts";
import { colorJitter } from "./color-jitter.ts";
import { Draws } from "./draws.ts";
import { assertProbability, randomErasing } from "./erasing.ts";
import { hflip, vflip } from "./flip.ts";
import { toGrayscale } from "./grayscale.ts";
import type { PaddingMode } from "./pad.ts";
import { keepRatioCrop, randomCrop, simpleRandomCrop } from "./random-crop.ts";
import { type Interpolation, resizedCrop } from "./resized-crop.ts";

/** What happens to a training picture; names, defaults and order are those of timm's `create_transform`. Plain data. */
export interface TrainTransformOptions {
  /** `[channels, height, width]` of what the model takes; 1 channel turns pictures grey first, as Pillow's mode L. */
  readonly inputSize: readonly [number, number, number];
  /** Mean of each channel, on the scale 0-1. Of three means for one channel, the average counts. */
  readonly mean: readonly number[];
  /** Standard deviation of each channel, on the scale 0-1. */
  readonly std: readonly number[];
  /**
   * What part of the picture is taken. `"rrc"` (default): {@link randomResizedCrop}. `"rkrc"`, `"rkrr"`: {@link keepRatioCrop}.
   * `"src"`: {@link simpleRandomCrop}. `"pad"`: {@link randomCrop}, for pictures that have the size already (CIFAR).
   */
  readonly cropMode?: "rrc" | "rkrc" | "rkrr" | "src" | "pad" | undefined;
  /** Range of the crop's area, as a part of the picture's. Default [0.08, 1]; with `"rkrc"` and `"rkrr"` [0.8, 1]. */
  readonly scale?: readonly [number, number] | undefined;
  /** Range of the crop's aspect ratio. Default [3/4, 4/3]; with `"rkrc"` and `"rkrr"` [0.9, 1 / 0.9]. */
  readonly ratio?: readonly [number, number] | undefined;
  /** Filter of the resize. Default `"random"`: bilinear or bicubic; with `"src"` `"bicubic"`. */
  readonly interpolation?: Interpolation | undefined;
  /** Pixels around the picture, with `"src"` and `"pad"`. Default 4. */
  readonly padding?: number | undefined;
  /** What they are. Default `"reflect"` with `"src"`, `"constant"` with `"pad"`. */
  readonly paddingMode?: PaddingMode | undefined;
  /** Colour of a constant border. Default black. */
  readonly fill?: Rgb | undefined;
  /** Probability of a horizontal flip. Default 0.5. */
  readonly hflip?: number | undefined;
  /** Probability of a vertical flip. Default 0. */
  readonly vflip?: number | undefined;
  /** A string of timm's `--aa`: {@link autoAugment}. Default none. */
  readonly autoAugment?: string | undefined;
  /**
   * Strength of brightness, contrast and saturation, or of each, or with the hue: {@link colorJitter}. Default 0.4. With `autoAugment`
   * it is off, unless that is `3a` or `forceColorJitter` is set.
   */
  readonly colorJitter?:
    | number
    | readonly [number, number, number]
    | readonly [number, number, number, number]
    | undefined;
  /** Probability of the colour jitter. Default 1. */
  readonly colorJitterProb?: number | undefined;
  readonly forceColorJitter?: boolean | undefined;
  /** Probability that the picture turns grey. Default 0. */
  readonly grayscaleProb?: number | undefined;
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
  /** The part of a picture of `width` x `height` that this stream looks at; undefined where it is all of it. */
  region(width: number, height: number, rng: Rng): Region | undefined;
  /** The same result from that part alone: a decoder need not make the rest. */
  ofRegion(part: Image, width: number, height: number, rng: Rng, out?: Float32Array): Float32Array;
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
  const { inputSize, reProb = 0 } = options;
  const [channels, height, width] = inputSize;
  assertSize(width, height);
  if (channels !== 1 && channels !== 3)
    throw new ImageError("bad-argument", `inputSize: expected 1 or 3 channels, found ${channels}`);
  const table = normalizeTable(perChannel("mean", options.mean, channels), perChannel("std", options.std, channels));
  const { cropMode = "rrc" } = options;
  const resized = cropMode === "rrc" ? resizedCrop(width, height, options) : undefined;
  const cropped = resized ? undefined : cropOf(options, width, height);
  const steps: { readonly name: string; readonly run: Step }[] = [];
  const sometimes = (name: string, prob: number, run: Step): void => {
    assertProbability(name, prob);
    if (prob > 0)
      steps.push({
        name,
        run: (image, rng) => (prob === 1 || new Draws(rng).chance(prob) ? run(image, rng.at("do")) : image),
      });
  };
  sometimes("hflip", options.hflip ?? 0.5, hflip);
  sometimes("vflip", options.vflip ?? 0, vflip);
  if (options.autoAugment) steps.push({ name: "autoAugment", run: autoAugmentOf(options.autoAugment, options) });
  const jitter = jitterOf(options);
  if (jitter) sometimes("colorJitter", options.colorJitterProb ?? 1, jitter);
  sometimes("grayscale", options.grayscaleProb ?? 0, toGrayscale);
  const erase =
    reProb > 0
      ? randomErasing(height, width, channels, { prob: reProb, mode: options.reMode, count: options.reCount })
      : undefined;

  const size = width * height * channels;
  const ofRegion = (
    part: Image,
    w: number,
    h: number,
    rng: Rng,
    out: Float32Array = new Float32Array(size),
  ): Float32Array => {
    if (out.length !== size)
      throw new ImageError(
        "bad-argument",
        `out: expected ${height} x ${width} x ${channels} = ${size} numbers, found ${out.length}`,
      );
    let at = channels === 1 ? toGrayscale(part) : part;
    if (resized) at = resized.resize(at, resized.draw(w, h, rng.at("crop")).filter);
    else if (cropped) at = cropped(at, rng.at("crop"));
    for (const { name, run } of steps) at = run(at, rng.at(name));
    if (channels === 3) applyTable(at.data, table, out, 0, size);
    else for (let i = 0; i < size; i++) out[i] = table[at.data[i * 3] as number] as number;
    erase?.(out, rng.at("erase"));
    return out;
  };
  const region = (w: number, h: number, rng: Rng): Region | undefined => resized?.draw(w, h, rng.at("crop")).region;
  const transform = (image: Image, rng: Rng, out?: Float32Array): Float32Array => {
    const part = region(image.width, image.height, rng);
    return ofRegion(part ? crop(image, part) : image, image.width, image.height, rng, out);
  };
  return Object.assign(transform, { height, width, channels, region, ofRegion });
}

function cropOf(options: TrainTransformOptions, width: number, height: number): Step {
  const { cropMode } = options;
  switch (cropMode) {
    case "rkrc":
    case "rkrr":
      return keepRatioCrop(width, height, cropMode, options);
    case "src":
      return simpleRandomCrop(width, height, options);
    case "pad":
      return randomCrop(width, height, options);
    default:
      throw new ImageError(
        "bad-argument",
        `cropMode: expected rrc, rkrc, rkrr, src or pad, found ${JSON.stringify(cropMode)}`,
      );
  }
}

/** timm's settings of an augmentation string: outside is the mean colour, the filter is the resize's unless that is random. */
function autoAugmentOf(text: string, { inputSize, mean, interpolation = "random" }: TrainTransformOptions): Step {
  const channel = (c: number): number =>
    Math.min(255, roundHalfEven(255 * (mean[mean.length === 3 ? c : 0] as number)));
  const grey = inputSize[0] === 1;
  const average = Math.min(255, roundHalfEven((255 * mean.reduce((a, b) => a + b, 0)) / mean.length));
  if (
    interpolation !== "random" &&
    interpolation !== "nearest" &&
    interpolation !== "bilinear" &&
    interpolation !== "bicubic"
  )
    throw new ImageError(
      "bad-argument",
      `interpolation: expected nearest, bilinear, bicubic or random beside autoAugment, as rotations have no other filter, found ${interpolation}`,
    );
  return autoAugment(text, {
    // torchvision's TrivialAugmentWide leaves it black.
    fill:
      parseAutoAugment(text).kind === "trivial"
        ? undefined
        : grey
          ? [average, average, average]
          : [channel(0), channel(1), channel(2)],
    resample: interpolation === "random" ? undefined : interpolation,
    translateConst: Math.trunc(Math.min(inputSize[1], inputSize[2]) * 0.45),
  });
}

function jitterOf({
  autoAugment: text,
  colorJitter: given = 0.4,
  forceColorJitter = false,
}: TrainTransformOptions): Step | undefined {
  if (text && !forceColorJitter && !text.includes("3a")) return undefined;
  const [brightness, contrast, saturation, hue = 0] = typeof given === "number" ? [given, given, given] : given;
  if (brightness === 0 && contrast === 0 && saturation === 0 && hue === 0) return undefined;
  return colorJitter({ brightness, contrast, saturation, hue });
}
