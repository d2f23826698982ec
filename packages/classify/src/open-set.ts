import { ClassifyError } from "./errors.ts";
import { maximum, negativeEnergy } from "./softmax.ts";

/**
 * How to tell that a photo is none of the classes, measured with the weights and kept in their config.json as `vitrail.open_set`.
 * A photo is known if its score reaches the threshold; higher is more familiar for both scores.
 */
export interface OpenSet {
  /** `max_logit`: the largest logit (Hendrycks et al. 2022). `energy`: `T log Σ exp(logit / T)` (Liu et al. 2020). */
  readonly score: "energy" | "max_logit";
  readonly threshold: number;
  /** T of the energy. Default 1. */
  readonly temperature?: number;
}

/** How familiar one row of logits is: what a threshold is held against. Higher is more familiar. */
export function openSetScore(
  logits: ArrayLike<number>,
  { score, temperature }: Pick<OpenSet, "score" | "temperature">,
): number {
  return score === "energy" ? negativeEnergy(logits, temperature) : maximum(logits);
}

/** Whether one row of logits looks like any class; undefined where the weights carry no threshold. */
export function isKnown(logits: ArrayLike<number>, openSet: OpenSet | undefined): boolean | undefined {
  return openSet && openSetScore(logits, openSet) >= openSet.threshold;
}

/** Reads the block of a config.json, which anybody may have written. */
export function parseOpenSet(block: unknown): OpenSet | undefined {
  if (block === undefined || block === null) return undefined;
  const { score, threshold, temperature } = block as { score?: unknown; threshold?: unknown; temperature?: unknown };
  if (score !== "energy" && score !== "max_logit") {
    throw new ClassifyError(
      "bad-option",
      `config.json: vitrail.open_set.score is ${JSON.stringify(score)}; it must be "energy" or "max_logit"`,
    );
  }
  if (typeof threshold !== "number" || !Number.isFinite(threshold)) {
    throw new ClassifyError(
      "bad-option",
      `config.json: vitrail.open_set.threshold is ${JSON.stringify(threshold)}; it must be a finite number`,
    );
  }
  if (temperature === undefined) return { score, threshold };
  if (typeof temperature !== "number" || !(temperature > 0 && temperature < Number.POSITIVE_INFINITY)) {
    throw new ClassifyError(
      "bad-option",
      `config.json: vitrail.open_set.temperature is ${JSON.stringify(temperature)}; it must be a number above 0`,
    );
  }
  return { score, threshold, temperature };
}
