/** How far a run has come: plain data, so that it is saved beside the weights and goes on exactly there. */

import type { EarlyStoppingState } from "../early-stopping.ts";
import type { PlateauState } from "../schedules/plateau.ts";

/** What an epoch brought. Nothing here depends on the clock: two runs of one seed have equal reports. */
export interface EpochReport {
  /** From 0. */
  readonly epoch: number;
  /** Updates of the parameters so far. */
  readonly updates: number;
  /** Of the last update. */
  readonly lr: number;
  readonly train: {
    /** Mean over the batches, each as the parameters then were. */
    readonly loss: number;
    /** Share of right answers; undefined where classes were mixed. */
    readonly top1?: number;
    /** Mean norm of the gradients, before clipping. */
    readonly gradNorm: number;
  };
  /** Of the averaged weights where there are such. Undefined where there are no validation images, or it was not their turn. */
  readonly validation?: { readonly loss: number; readonly top1: number; readonly top5: number };
  /** Whether no epoch before was better. */
  readonly best: boolean;
}

/** Sums over the batches of the epoch under way. */
export interface EpochSums {
  readonly loss: number;
  readonly gradNorm: number;
  readonly right: number;
  readonly judged: number;
}

/** Where a run stands. */
export interface Progress {
  /** The epoch under way, from 0; as many as there are once all is done. */
  readonly epoch: number;
  /** Batches of it that are done. */
  readonly batch: number;
  readonly updates: number;
  readonly sums: EpochSums;
  readonly lr: number;
  readonly history: readonly EpochReport[];
  readonly best: { readonly epoch: number; readonly value: number } | null;
  /** What a plateau remembers. */
  readonly plateau: PlateauState | null;
  /** What early stopping remembers. */
  readonly stopping: EarlyStoppingState | null;
  /** "no" while it runs. */
  readonly ended: "no" | "epochs" | "early";
}

/** Before the first batch. */
export const startOfRun: Progress = {
  epoch: 0,
  batch: 0,
  updates: 0,
  sums: { loss: 0, gradNorm: 0, right: 0, judged: 0 },
  lr: 0,
  history: [],
  best: null,
  plateau: null,
  stopping: null,
  ended: "no",
};
