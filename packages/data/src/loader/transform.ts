import type { Rng } from "@vitrail/random";
import { toGrayscale } from "../augment/grayscale.ts";
import { perChannel, type TrainTransformOptions, trainTransform } from "../augment/train-transform.ts";
import { ImageError } from "../errors.ts";
import type { Image, Region } from "../image.ts";
import { evalTransform, type Preprocess } from "../transform.ts";

/** What a loader does with a picture, as plain data: it crosses to threads. */
export type LoaderTransform =
  | ({ readonly kind: "train" } & TrainTransformOptions)
  | {
      readonly kind: "eval";
      readonly preprocess: Preprocess;
      /** 1 turns pictures grey first, as Pillow's mode L; mean and deviation are then the averages of the three. Default 3. */
      readonly channels?: 1 | 3 | undefined;
    };

/** A transform ready to write into a batch. */
export interface Writer {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** The part of a picture that the transform looks at; undefined where it is all of it. Draws from `rng` where it draws. */
  region(width: number, height: number, rng: () => Rng): Region | undefined;
  /** From that part of a picture of `width` x `height`. */
  write(part: Image, width: number, height: number, rng: () => Rng, out: Float32Array): void;
}

/** Builds what the settings describe. */
export function writerOf(settings: LoaderTransform): Writer {
  if (settings.kind === "train") {
    const transform = trainTransform(settings);
    const { height, width, channels } = transform;
    return {
      height,
      width,
      channels,
      region: (w, h, rng) => transform.region(w, h, rng()),
      write: (part, w, h, rng, out) => void transform.ofRegion(part, w, h, rng(), out),
    };
  }
  if (settings.kind !== "eval")
    throw new ImageError(
      "bad-argument",
      `transform: expected kind train or eval, found ${JSON.stringify((settings as LoaderTransform).kind)}`,
    );
  const { preprocess, channels = 3 } = settings;
  if (channels === 3) {
    const transform = evalTransform(preprocess);
    const { height, width, window } = transform;
    return {
      height,
      width,
      channels,
      region: window,
      write: (image, w, h, _rng, out) =>
        void transform.ofWindow({ image, ...windowAt(window(w, h)), width: w, height: h }, out),
    };
  }
  const triple = (name: string, values: readonly number[]) =>
    perChannel(name, values, 1) as unknown as readonly [number, number, number];
  const transform = evalTransform({
    ...preprocess,
    mean: triple("mean", preprocess.mean),
    std: triple("std", preprocess.std),
  });
  const { height, width, window } = transform;
  const rgb = new Float32Array(height * width * 3);
  return {
    height,
    width,
    channels,
    region: window,
    write(image, w, h, _rng, out) {
      transform.ofWindow({ image: toGrayscale(image), ...windowAt(window(w, h)), width: w, height: h }, rgb);
      for (let i = 0; i < out.length; i++) out[i] = rgb[i * 3] as number;
    },
  };
}

const windowAt = ({ left, top }: Region): Pick<Region, "left" | "top"> => ({ left, top });
