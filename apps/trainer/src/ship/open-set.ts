/** How to tell that a picture is none of the classes: a score, a threshold, and what they are worth. */
import { type OpenSet, openSetScore } from "@vitrail/classify";
import { auroc } from "@vitrail/train";
import { share } from "../recipe-file.ts";
import { type Answers, rowsOf } from "./answers.ts";

/** This share of held-out pictures falls below the threshold: one in twenty is wrongly called a stranger. */
export const FALSE_ALARMS = 0.05;

export type ScoreName = OpenSet["score"];
const SCORES: readonly ScoreName[] = ["energy", "max_logit"];

/** What strangers of one kind are to a score. */
export interface StrangerFigures {
  readonly images: number;
  /** The chance that a test picture scores higher than one of them. */
  readonly auroc: number;
  /** The share of them below the threshold. */
  readonly called_none: number;
}

/** One score's figures. Shares are fractions. */
export interface ScoreFigures {
  readonly threshold: number;
  readonly test_below: number;
  readonly strangers: Readonly<Record<string, StrangerFigures>>;
}

export interface OpenSetReport {
  /** The score with the higher mean AUROC. */
  readonly chosen: ScoreName;
  readonly scores: Readonly<Record<ScoreName, ScoreFigures>>;
}

/**
 * Measures both scores: energy (log-sum-exp of the logits, https://arxiv.org/abs/2010.03759) and the largest logit
 * (https://arxiv.org/abs/1911.11132).
 */
export function openSetOf(
  heldOut: Answers,
  test: Answers,
  strangers: Readonly<Record<string, Answers>>,
): OpenSetReport {
  const figures = (score: ScoreName): ScoreFigures => {
    const scored = (answers: Answers) => rowsOf(answers).map((row) => openSetScore(row, { score }));
    const threshold = share(quantile(scored(heldOut), FALSE_ALARMS));
    const below = (scores: readonly number[]) => share(scores.filter((one) => one < threshold).length / scores.length);
    const known = scored(test);
    return {
      threshold,
      test_below: below(known),
      strangers: Object.fromEntries(
        Object.entries(strangers).map(([name, answers]) => {
          const scores = scored(answers);
          return [name, { images: scores.length, auroc: share(auroc(known, scores)), called_none: below(scores) }];
        }),
      ),
    };
  };
  const scores = Object.fromEntries(SCORES.map((score) => [score, figures(score)])) as OpenSetReport["scores"];
  const worth = (score: ScoreName) => Object.values(scores[score].strangers).reduce((sum, one) => sum + one.auroc, 0);
  return { chosen: worth("max_logit") > worth("energy") ? "max_logit" : "energy", scores };
}

/** Between the two nearest values, in proportion, as numpy's and torch's. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new RangeError("quantile: expected values, found none");
  const sorted = Float64Array.from(values).sort();
  const at = q * (sorted.length - 1);
  const [low, high] = [Math.floor(at), Math.ceil(at)].map((i) => sorted[i] as number) as [number, number];
  return low + (high - low) * (at - Math.floor(at));
}
