import type { Rng } from "@vitrail/random";
import type { Rgb } from "../crop.ts";
import { ImageError } from "../errors.ts";
import type { Image } from "../image.ts";
import type { Resample } from "./affine.ts";
import { Draws } from "./draws.ts";
import { applyOp, assertOpSettings, type Magnitudes, type OpSettings, type PolicyOp } from "./ops.ts";
import { policyNamed, type RandSet, randSet } from "./policies.ts";
import { trivialAugmentWide } from "./trivial-augment.ts";

/** What an auto-augmentation string leaves open: timm's hparams. */
export interface AutoAugmentOptions {
  /** Colour of what lies outside. Default [128, 128, 128]; a training transform takes the mean. */
  readonly fill?: Rgb | undefined;
  /** Of geometric operations. Default: bilinear or bicubic, drawn each time. */
  readonly resample?: Resample | undefined;
  /** Pixels that `TranslateX` and `TranslateY` go at magnitude 10. Default 250. */
  readonly translateConst?: number | undefined;
}

/** What a string says. */
export type AutoAugmentPlan =
  | ({
      readonly kind: "rand";
      readonly set: RandSet;
      readonly layers: number;
      readonly prob: number;
      readonly magnitude: number;
    } & Magnitudes)
  | ({ readonly kind: "policy"; readonly policy: readonly (readonly PolicyOp[])[] } & Magnitudes)
  | { readonly kind: "trivial" };

const HELP =
  'expected "rand" with -m9 -n2 -p0.5 -mstd0.5 -mmax10 -inc1 -tweights, "v0", "v0r", "original", "originalr" or "3a" with -mstd0.5, or "ta_wide"';

function refuse(text: string, what: string): never {
  throw new ImageError("bad-argument", `auto augmentation ${JSON.stringify(text)}: ${what}; ${HELP}`);
}

/** Reads a string of timm's `--aa`. */
export function parseAutoAugment(text: string): AutoAugmentPlan {
  const [name = "", ...parts] = text.split("-");
  if (name === "ta_wide" || name === "ta") {
    if (parts.length > 0) refuse(text, `found ${JSON.stringify(parts[0])}, but TrivialAugment has no settings`);
    return { kind: "trivial" };
  }
  if (name === "augmix") refuse(text, "AugMix is not among the augmentations");
  const numbers = new Map<string, number>();
  let set: string | undefined;
  const known = name === "rand" ? ["m", "n", "p", "mstd", "mmax", "inc"] : ["mstd"];
  for (const part of parts) {
    if (name === "rand" && part.startsWith("t")) {
      set ??= part.slice(1);
      continue;
    }
    const [, key = "", value = ""] = /^([a-z]+)(\d*\.?\d*)$/.exec(part) ?? [];
    if (!known.includes(key) || value === "" || Number.isNaN(Number(value)))
      refuse(text, `cannot read the part ${JSON.stringify(part)}`);
    // timm takes the last of a setting that is given twice, but the first deviation and limit.
    if (!((key === "mstd" || key === "mmax") && numbers.has(key))) numbers.set(key, Number(value));
  }
  for (const key of ["m", "n", "mmax", "inc"])
    if (!Number.isInteger(numbers.get(key) ?? 0)) refuse(text, `${key} is a whole number`);
  const spread = numbers.get("mstd") ?? 0;
  if (name !== "rand") {
    const policy = policyNamed(name);
    if (!policy) refuse(text, `there is no policy ${JSON.stringify(name)}`);
    return { kind: "policy", policy, std: spread, most: 10 };
  }
  const found = randSet(set, (numbers.get("inc") ?? 0) !== 0);
  if (!found) refuse(text, `there is no set ${JSON.stringify(set)}, only weights, 3a and 3aw`);
  const layers = numbers.get("n") ?? 2;
  const prob = numbers.get("p") ?? 0.5;
  if (prob > 1) refuse(text, "p is at most 1");
  if (found.weights && layers > found.names.length)
    refuse(text, `n is at most ${found.names.length} where operations are weighted`);
  return {
    kind: "rand",
    set: found,
    layers,
    prob,
    magnitude: numbers.get("m") ?? 10,
    std: spread > 100 ? Number.POSITIVE_INFINITY : spread, // timm's way to ask for uniform magnitudes
    most: numbers.get("mmax") || 10,
  };
}

/**
 * RandAugment, AutoAugment, 3-Augment's one-of-three or TrivialAugment, by timm's string: `rand-m9-mstd0.5-inc1`, `original`, `3a`,
 * `ta_wide`. Sets, probabilities, magnitudes and what they mean are timm's; `ta_wide` is torchvision's. A set that timm
 * does not have is refused, where timm takes its usual one.
 */
export function autoAugment(text: string, options: AutoAugmentOptions = {}): (image: Image, rng: Rng) => Image {
  const { fill = [128, 128, 128], resample, translateConst = 250 } = options;
  const plan = parseAutoAugment(text);
  if (plan.kind === "trivial") return trivialAugmentWide({ fill: options.fill, resample });
  const settings: OpSettings = {
    fill,
    resample: resample ? [resample] : ["bilinear", "bicubic"],
    translate: translateConst,
    translatePart: 0.45,
  };
  assertOpSettings(settings);
  return (image, rng) => {
    const draws = new Draws(rng);
    let out = image;
    for (const op of plan.kind === "policy" ? draws.choice(plan.policy) : drawOps(plan, draws))
      out = applyOp(out, op, plan, settings, draws);
    return out;
  };
}

/** RandAugment's choice: with replacement, or by weights without, as numpy's `choice` draws. */
export function drawOps(plan: AutoAugmentPlan & { readonly kind: "rand" }, draws: Draws): PolicyOp[] {
  const { set, layers, prob, magnitude } = plan;
  const { names, weights } = set;
  if (!weights) return Array.from({ length: layers }, () => ({ name: draws.choice(names), prob, magnitude }));
  const left = names.map((name, i) => ({ name, weight: weights[i] as number }));
  const chosen: PolicyOp[] = [];
  while (chosen.length < layers) {
    let at = draws.unit() * left.reduce((sum, { weight }) => sum + weight, 0);
    let i = 0;
    while (i < left.length - 1 && at >= (left[i] as { weight: number }).weight)
      at -= (left[i++] as { weight: number }).weight;
    const [{ name }] = left.splice(i, 1) as [(typeof left)[number]];
    chosen.push({ name, prob, magnitude });
  }
  return chosen;
}
