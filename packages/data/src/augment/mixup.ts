/**
 * Mixup (https://arxiv.org/abs/1710.09412) and CutMix (https://arxiv.org/abs/1905.04899) of a batch with itself in reverse order, as
 * timm's `Mixup`.
 */
import type { Rng } from "@vitrail/random";
import { ImageError } from "../errors.ts";
import { beta } from "./beta.ts";
import { Draws } from "./draws.ts";
import { assertProbability } from "./erasing.ts";

/** Plain data; names and defaults are those of timm's `Mixup`. */
export interface MixOptions {
  /** λ ~ Beta(α, α) of Mixup; 0 switches it off. Default 1. */
  readonly mixupAlpha?: number | undefined;
  /** λ ~ Beta(α, α) of CutMix; 0 switches it off. Default 0. */
  readonly cutmixAlpha?: number | undefined;
  /** Range of a box's edge as a part of the picture's: CutMix draws its boxes from this and not from λ. */
  readonly cutmixMinmax?: readonly [number, number] | undefined;
  /** Probability that a batch (pair, picture) is mixed at all. Default 1. */
  readonly prob?: number | undefined;
  /** Probability of CutMix where both are on. Default 0.5. */
  readonly switchProb?: number | undefined;
  /** What shares one λ and one box. Default `"batch"`. */
  readonly mode?: "batch" | "pair" | "elem" | undefined;
  /** λ is what is left of the picture where its box is cut by the border. Default true. */
  readonly correctLam?: boolean | undefined;
  /** Part of the target that is spread over all classes. Default 0.1. */
  readonly labelSmoothing?: number | undefined;
}

/** Rows `top` to `bottom` and columns `left` to `right`, the latter of each not included. */
interface Box {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** What one draw decides. */
interface Mix {
  /** The picture's own part. */
  readonly lam: number;
  /** CutMix: what comes from the other picture. */
  readonly box?: Box | undefined;
}

/** What is drawn for a batch: one {@link Mix} for all, or one for each pair or picture. */
export interface MixPlan {
  readonly mode: "batch" | "pair" | "elem";
  readonly mixes: readonly Mix[];
}

/** Throws where the options make no sense. */
export function assertMix(options: MixOptions): void {
  const { mixupAlpha = 1, cutmixAlpha = 0, cutmixMinmax, prob = 1, switchProb = 0.5, labelSmoothing = 0.1 } = options;
  const { mode = "batch" } = options;
  for (const [name, alpha] of [
    ["mixupAlpha", mixupAlpha],
    ["cutmixAlpha", cutmixAlpha],
  ] as const)
    if (!(alpha >= 0 && Number.isFinite(alpha)))
      throw new ImageError("bad-argument", `${name}: expected a number of at least 0, found ${alpha}`);
  if (mixupAlpha === 0 && cutmixAlpha === 0 && !cutmixMinmax)
    throw new ImageError(
      "bad-argument",
      "mix: expected mixupAlpha or cutmixAlpha above 0, or cutmixMinmax, found none",
    );
  if (cutmixMinmax && !(cutmixMinmax[0] >= 0 && cutmixMinmax[0] < cutmixMinmax[1] && cutmixMinmax[1] <= 1))
    throw new ImageError(
      "bad-argument",
      `cutmixMinmax: expected 0 <= low < high <= 1, found [${cutmixMinmax.join(", ")}]`,
    );
  assertProbability("mix's prob", prob);
  assertProbability("switchProb", switchProb);
  if (!(labelSmoothing >= 0 && labelSmoothing < 1))
    throw new ImageError("bad-argument", `labelSmoothing: expected 0 <= number < 1, found ${labelSmoothing}`);
  if (mode !== "batch" && mode !== "pair" && mode !== "elem")
    throw new ImageError("bad-argument", `mix's mode: expected batch, pair or elem, found ${JSON.stringify(mode)}`);
}

/** Draws what becomes of a batch of `size` pictures. */
export function drawMix(options: MixOptions, size: number, height: number, width: number, rng: Rng): MixPlan {
  assertMix(options);
  const { mixupAlpha = 1, cutmixMinmax, prob = 1, switchProb = 0.5, mode = "batch", correctLam = true } = options;
  const cutmixAlpha = cutmixMinmax ? 1 : (options.cutmixAlpha ?? 0); // as timm: minmax takes λ from the box anyway
  const count = mode === "batch" ? 1 : mode === "pair" ? size >> 1 : size;
  const draws = new Draws(rng);
  const mixes: Mix[] = [];
  for (let i = 0; i < count; i++) {
    if (!draws.chance(prob)) {
      mixes.push({ lam: 1 });
      continue;
    }
    const cutmix = cutmixAlpha > 0 && (mixupAlpha === 0 || draws.chance(switchProb));
    const alpha = cutmix ? cutmixAlpha : mixupAlpha;
    const lam = beta(alpha, alpha, draws);
    if (!cutmix || lam === 1) {
      mixes.push({ lam });
      continue;
    }
    const box = cutmixMinmax ? minmaxBox(height, width, cutmixMinmax, draws) : lambdaBox(height, width, lam, draws);
    const area = (box.bottom - box.top) * (box.right - box.left);
    mixes.push({ lam: correctLam || cutmixMinmax ? 1 - area / (height * width) : lam, box });
  }
  return { mode, mixes };
}

/** timm's rand_bbox: a box of (1 - λ) of the area around a uniform centre, cut at the border. */
function lambdaBox(height: number, width: number, lam: number, draws: Draws): Box {
  const ratio = Math.sqrt(1 - lam);
  const h = Math.trunc(height * ratio);
  const w = Math.trunc(width * ratio);
  const y = draws.integer(height);
  const x = draws.integer(width);
  const clip = (v: number, most: number): number => Math.min(Math.max(v, 0), most);
  return {
    top: clip(y - (h >> 1), height),
    bottom: clip(y + ((h + 1) >> 1), height),
    left: clip(x - (w >> 1), width),
    right: clip(x + ((w + 1) >> 1), width),
  };
}

/** timm's rand_bbox_minmax: edges uniform in the range, all of the box inside. */
function minmaxBox(height: number, width: number, [low, high]: readonly [number, number], draws: Draws): Box {
  const edge = (size: number): number => {
    const least = Math.trunc(size * low);
    return least + draws.integer(Math.max(1, Math.trunc(size * high) - least));
  };
  const h = edge(height);
  const w = edge(width);
  const top = draws.integer(height - h + 1);
  const left = draws.integer(width - w + 1);
  return { top, bottom: top + h, left, right: left + w };
}

/**
 * Mixes a batch in place with its reverse: picture i with picture size - 1 - i. In an odd batch the middle one meets itself.
 *
 * @param images - `[size, height, width, channels]`
 * @returns the targets, `[size, numClasses]`: λ of the own class and 1 - λ of the other's, both smoothed
 */
export function mixBatch(
  images: Float32Array,
  [size, height, width, channels]: readonly [number, number, number, number],
  labels: ArrayLike<number>,
  numClasses: number,
  options: MixOptions,
  rng: Rng,
): Float32Array {
  if (images.length !== size * height * width * channels)
    throw new ImageError(
      "bad-argument",
      `images: expected ${size} x ${height} x ${width} x ${channels} numbers, found ${images.length}`,
    );
  const plan = drawMix(options, size, height, width, rng);
  applyMix(images, size, width, channels, plan);
  return mixTargets(labels, numClasses, plan, options.labelSmoothing ?? 0.1);
}

/** The pictures of a plan. */
export function applyMix(images: Float32Array, size: number, width: number, channels: number, plan: MixPlan): void {
  const each = images.length / size;
  const { mode, mixes } = plan;
  for (let i = 0; i < size >> 1; i++) {
    const a = images.subarray(i * each, (i + 1) * each);
    const b = images.subarray((size - 1 - i) * each, (size - i) * each);
    if (mode === "elem") {
      const own = a.slice();
      mixOne(a, b, width, channels, mixes[i] as Mix);
      mixOne(b, own, width, channels, mixes[size - 1 - i] as Mix);
    } else mixPair(a, b, width, channels, mixes[mode === "batch" ? 0 : i] as Mix, mode === "pair");
  }
}

/** The weights of the two pictures as torch rounds them: λ is a double for a batch, a float for each picture or pair. */
function weights(lam: number, single: boolean): [number, number] {
  const own = Math.fround(lam);
  return [own, single ? Math.fround(1 - own) : Math.fround(1 - lam)];
}

function mixPair(a: Float32Array, b: Float32Array, width: number, channels: number, mix: Mix, single: boolean): void {
  const { lam, box } = mix;
  if (lam === 1) return;
  if (box) {
    eachRow(box, width, channels, (from, to) => {
      const row = a.slice(from, to);
      a.set(b.subarray(from, to), from);
      b.set(row, from);
    });
    return;
  }
  const [own, other] = weights(lam, single);
  for (let i = 0; i < a.length; i++) {
    const x = a[i] as number;
    const y = b[i] as number;
    a[i] = Math.fround(Math.fround(x * own) + Math.fround(y * other));
    b[i] = Math.fround(Math.fround(y * own) + Math.fround(x * other));
  }
}

function mixOne(a: Float32Array, b: Float32Array, width: number, channels: number, { lam, box }: Mix): void {
  if (lam === 1) return;
  if (box) {
    eachRow(box, width, channels, (from, to) => a.set(b.subarray(from, to), from));
    return;
  }
  const [own, other] = weights(lam, true);
  for (let i = 0; i < a.length; i++)
    a[i] = Math.fround(Math.fround((a[i] as number) * own) + Math.fround((b[i] as number) * other));
}

function eachRow(box: Box, width: number, channels: number, row: (from: number, to: number) => void): void {
  for (let y = box.top; y < box.bottom; y++) row((y * width + box.left) * channels, (y * width + box.right) * channels);
}

/** The targets of a plan: timm's `mixup_target`. */
export function mixTargets(
  labels: ArrayLike<number>,
  numClasses: number,
  { mode, mixes }: MixPlan,
  smoothing: number,
): Float32Array {
  const size = labels.length;
  const off = smoothing / numClasses;
  const on = Math.fround(1 - smoothing + off);
  const low = Math.fround(off);
  const targets = new Float32Array(size * numClasses);
  for (let i = 0; i < size; i++) {
    const at = mode === "batch" ? 0 : mode === "pair" ? Math.min(i, size - 1 - i) : i;
    const lam = mixes[at]?.lam ?? 1; // the middle of an odd batch in pairs
    const [own, other] = weights(lam, mode !== "batch");
    const first = labels[i] as number;
    const second = labels[size - 1 - i] as number;
    for (let k = 0; k < numClasses; k++)
      targets[i * numClasses + k] = Math.fround(
        Math.fround((k === first ? on : low) * own) + Math.fround((k === second ? on : low) * other),
      );
  }
  return targets;
}
