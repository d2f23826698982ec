import type { Tensor } from "@vitrail/tensor";

/** Numbers that change from step to step, as tensors without dimensions, so that a compiled step takes them as inputs. */
export type Scalars = Readonly<Record<string, Tensor>>;
/** What an optimiser remembers of one parameter. */
export type Slots = Readonly<Record<string, Tensor>>;

/** Parameters that are treated alike. */
export interface Group {
  /** Of the step's learning rate. Default 1. */
  readonly lrScale?: number;
  /** Default: the optimiser's. */
  readonly weightDecay?: number;
}

/** The group of a parameter, by its checkpoint name and shape. */
export type GroupOf = (name: string, shape: readonly number[]) => Group;

/** A rule for one parameter, and the settings it starts with. Pure: everything it changes, it returns. */
export interface Optimizer {
  /** Learning rate where a step says none. */
  readonly lr: number;
  /** Names of what it remembers of each parameter; all start at zero. torch's names. */
  readonly slots: readonly string[];
  readonly groupOf: GroupOf;
  /**
   * A value's update depends on that value's own gradient and slots only, not on the rest of its parameter: a step may
   * then update several parameters as one. Default false.
   */
  readonly pointwise?: boolean;
  /** The numbers of step `step` (from 1), in double precision, as torch computes them. */
  scalars(step: number, lr: number, group: Group): Readonly<Record<string, number>>;
  /** One parameter's next value and slots. */
  update(
    parameter: Tensor,
    gradient: Tensor,
    slots: Slots,
    scalars: Scalars,
  ): { readonly parameter: Tensor; readonly slots: Slots };
  /** What it remembers of each buffer that the forward pass moves (BatchNorm's statistics), and how, from its new value. */
  readonly buffers?: {
    readonly slots: readonly string[];
    update(value: Tensor, slots: Slots, scalars: Scalars): Slots;
  };
}

/** Settings that all optimisers share. */
export interface OptimizerOptions {
  readonly lr: number;
  /** Per parameter: its own share of the learning rate, its own weight decay. Default: all alike. */
  readonly groupOf?: GroupOf;
}

/** @throws RangeError unless `value` is in [least, below) */
export function checkRange(name: string, value: number, least: number, below = Number.POSITIVE_INFINITY): void {
  if (!(value >= least && value < below)) {
    const range = below === Number.POSITIVE_INFINITY ? `${least} or more` : `${least} or more and below ${below}`;
    throw new RangeError(`${name}: expected ${range}, found ${value}`);
  }
}
