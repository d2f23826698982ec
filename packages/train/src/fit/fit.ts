/** Training, from the first step to the best weights. */
import { type CompiledStep, compileStep, type EngineOptions, type StepLoss } from "@vitrail/jit";
import { type EarlyStoppingState, earlyStopping } from "../early-stopping.ts";
import { crossEntropy } from "../losses/cross-entropy.ts";
import { withTeacher } from "../losses/distillation.ts";
import { rankOf } from "../metrics/row.ts";
import { withEma } from "../optimizers/ema.ts";
import type { Batch } from "./data.ts";
import { TrainError } from "./errors.ts";
import { evaluate } from "./evaluate.ts";
import { checkOptions, type FitOptions, type FitResult } from "./options.ts";
import { type EpochReport, type EpochSums, type Progress, startOfRun } from "./progress.ts";
import { openTeacher, type TeacherRunner } from "./teacher.ts";
import { assignWeights, type Values, weightsOf } from "./weights.ts";

/**
 * Trains `model` on `data`: compiled steps on the best engine there is, validation after each epoch, and at the end the best
 * weights in the model's variables. With a `keeper` it goes on where an earlier run was stopped, and ends with the same bits.
 *
 * @throws TrainError "bad-option" for what cannot work, before the first step; "not-finite" where loss or gradients become
 *   infinite. What throws while it runs (data, callbacks, the disk) ends the run; the state before it is saved first
 */
export async function fit(options: FitOptions): Promise<FitResult> {
  checkOptions(options);
  const saved = await options.keeper?.load();
  if (saved && saved.progress.ended !== "no") {
    const best = await options.keeper?.loadBest();
    if (best) assignWeights(options.model, best);
    return { ended: saved.progress.ended, progress: saved.progress, engine: undefined };
  }
  const parts = await open(options);
  try {
    if (saved) await parts.step.restore(saved.state);
    const run = new Run(options, parts, saved?.progress);
    return await run.toTheEnd();
  } finally {
    await parts.step.dispose();
    await parts.teacher?.dispose();
  }
}

interface Parts {
  readonly step: CompiledStep;
  readonly teacher: TeacherRunner | undefined;
}

/** The engine's settings among all. */
function engineOf({ engine, provider, threads, wasmPaths }: FitOptions): EngineOptions {
  return Object.fromEntries(
    Object.entries({ engine, provider, threads, wasmPaths }).filter(([, value]) => value !== undefined),
  );
}

/** Compiles the teacher and the step. */
async function open(options: FitOptions): Promise<Parts> {
  const { model, loss = crossEntropy, optimizer, frozen, ema, accumulate = 1, seed = 0 } = options;
  const { train } = options.data;
  const { batchSize, shape, targetClasses } = train;
  const engine = engineOf(options);
  const teacher = options.teacher && (await openTeacher(options.teacher, train, engine));
  try {
    const step = await compileStep(
      {
        model,
        loss: (options.teacher ? withTeacher(loss, options.teacher) : loss) as StepLoss,
        optimizer: ema ? withEma(optimizer, ema) : optimizer,
        ...(frozen ? { frozen } : {}),
      },
      {
        ...engine,
        batch: batchSize,
        input: shape,
        ...(targetClasses === undefined ? {} : { target: { shape: [batchSize, targetClasses], dtype: "float32" } }),
        ...(teacher ? { extras: [{ name: "teacher", shape: [batchSize, teacher.classes] }] } : {}),
        seed,
        accumulate: accumulate > 1,
      },
    );
    return { step, teacher };
  } catch (error) {
    await teacher?.dispose();
    throw error;
  }
}

class Run {
  readonly options: FitOptions;
  readonly step: CompiledStep;
  readonly teacher: TeacherRunner | undefined;
  progress: Progress;
  /** What the keeper has; the same object where nothing has changed since. */
  kept: Progress | undefined;
  keptAt = performance.now();
  /** The best weights, where no keeper has them. */
  best: Values | undefined;
  /** Since the program began. */
  images = 0;
  seconds = 0;

  constructor(options: FitOptions, { step, teacher }: Parts, progress: Progress | undefined) {
    this.options = options;
    this.step = step;
    this.teacher = teacher;
    this.kept = progress;
    this.progress = progress ?? startOfRun;
  }

  async toTheEnd(): Promise<FitResult> {
    const { onStart, keeper, model, signal } = this.options;
    const { report: engine } = this.step;
    onStart?.({ engine, progress: this.progress });
    try {
      while (this.progress.ended === "no") {
        await this.train();
        if (!signal?.aborted) await this.judge();
        if (signal?.aborted) {
          await this.keep();
          await this.step.pull();
          return { ended: "interrupted", progress: this.progress, engine };
        }
      }
    } catch (error) {
      throw await this.rescue(error);
    }
    assignWeights(model, (await keeper?.loadBest()) ?? (this.best as Values));
    return { ended: this.progress.ended, progress: this.progress, engine };
  }

  /** The rest of the epoch, or what is left of it before a signal. */
  async train(): Promise<void> {
    const { accumulate = 1, clipNorm, data, onStep, signal } = this.options;
    const { train } = data;
    let { batch, sums } = this.progress;
    if (batch === train.batches || signal?.aborted) return;
    let began = performance.now();
    for await (const given of train.epoch(this.progress.epoch, { from: batch })) {
      if (given.size !== train.batchSize) {
        throw new TrainError("bad-option", `a step takes ${train.batchSize} images, found a batch of ${given.size}`);
      }
      const index = batch % accumulate;
      const count = Math.min(accumulate, train.batches - (batch - index)); // the last update of an epoch may sum fewer
      const lr = this.rate();
      const { loss, gradNorm, logits } = await this.step.run(given.images, given.targets ?? given.labels, {
        lr,
        ...(clipNorm === undefined ? {} : { clipNorm }),
        ...(accumulate > 1 ? { part: { index, count } } : {}),
        ...(this.teacher ? { extras: { teacher: await this.teacher.logits(given) } } : {}),
      });
      batch++;
      sums = { ...added(sums, given, logits), loss: sums.loss + loss, gradNorm: sums.gradNorm + gradNorm };
      this.images += given.size;
      if (index < count - 1) continue;
      this.progress = { ...this.progress, batch, sums, lr, updates: this.progress.updates + 1 };
      const now = performance.now();
      this.seconds += (now - began) / 1000;
      began = now;
      const { epoch, updates } = this.progress;
      const top1 = sums.judged > 0 ? sums.right / sums.judged : undefined;
      const imagesPerSecond = this.images / this.seconds;
      const { batches } = train;
      onStep?.({ epoch, batch, batches, updates, lr, loss, gradNorm, top1, images: this.images, imagesPerSecond });
      if (signal?.aborted) return;
      if (batch < batches && now - this.keptAt > 1000 * (this.options.saveEvery ?? 300)) {
        await this.keep();
        began = performance.now(); // writing is not training
      }
    }
    if (batch !== train.batches) {
      throw new TrainError(
        "bad-option",
        `expected ${train.batches} batches in epoch ${this.progress.epoch}, found ${batch}`,
      );
    }
  }

  /** This update's learning rate. */
  rate(): number {
    const { optimizer, schedule } = this.options;
    const { epoch, updates, plateau } = this.progress;
    if (!schedule) return optimizer.lr;
    return typeof schedule === "function" ? schedule(updates) : schedule.lr({ epoch, update: updates }, plateau);
  }

  /** Ends the epoch: validation, the best weights so far, a saved state. Leaves everything as it was where a signal comes between. */
  async judge(): Promise<void> {
    const { model, data, epochs, keeper, onEpoch, onValidation, schedule, signal } = this.options;
    const { monitor = "top1", validateEvery = 1, ema } = this.options;
    const { validation, train } = data;
    const { epoch, updates, lr, sums, history } = this.progress;
    const last = epoch === epochs - 1;
    const state = await this.step.save();
    const weights = weightsOf(state.values, ema !== undefined);
    let judged: EpochReport["validation"];
    if (validation && (last || (epoch + 1) % validateEvery === 0)) {
      assignWeights(model, weights);
      try {
        const onProgress = (images: number) => onValidation?.(images, validation.length);
        const { loss, top1, top5 } = await evaluate(model, validation, {
          ...engineOf(this.options),
          onProgress,
          signal,
        });
        judged = { loss, top1, top5 };
      } catch (error) {
        if (signal?.aborted) return;
        throw error;
      } finally {
        // Eager steps read the variables themselves.
        if (this.step.report.engine === "tfjs") assignWeights(model, weightsOf(state.values, false));
      }
    }
    const metric = judged?.[monitor];
    const value = metric !== undefined && monitor === "loss" ? -metric : metric;
    const before = this.progress.best;
    const best = validation ? value !== undefined && !(value <= (before?.value ?? Number.NEGATIVE_INFINITY)) : true;
    const report: EpochReport = {
      epoch,
      updates,
      lr,
      train: {
        loss: sums.loss / train.batches,
        ...(sums.judged > 0 ? { top1: sums.right / sums.judged } : {}),
        gradNorm: sums.gradNorm / train.batches,
      },
      ...(judged ? { validation: judged } : {}),
      best,
    };
    if (best && keeper) {
      await keeper.saveBest(weights, report);
      // A keeper may put the best weights into the model to publish all of it.
      if (this.step.report.engine === "tfjs") assignWeights(model, weightsOf(state.values, false));
    } else if (best) this.best = weights;
    const stopping = this.stopping(epoch, metric);
    this.progress = {
      ...startOfRun,
      epoch: epoch + 1,
      updates,
      lr,
      history: [...history, report],
      best: best ? { epoch, value: value ?? epoch } : before,
      plateau: typeof schedule === "object" ? schedule.afterEpoch(this.progress.plateau, epoch + 1, metric) : null,
      stopping,
      ended: last ? "epochs" : stopping?.stop ? "early" : "no",
    };
    await this.keep(state);
    await onEpoch?.(report);
  }

  /** What early stopping makes of an epoch. */
  stopping(epoch: number, metric: number | undefined): EarlyStoppingState | null {
    const { earlyStopping: options, monitor = "top1" } = this.options;
    if (!options) return null;
    const rule = earlyStopping({ ...options, mode: monitor === "loss" ? "min" : "max" });
    const state = this.progress.stopping ?? rule.initial;
    return metric === undefined ? state : rule.next(state, epoch, metric);
  }

  async keep(state?: Awaited<ReturnType<CompiledStep["save"]>>): Promise<void> {
    const { keeper, onCheckpoint } = this.options;
    if (!keeper || this.kept === this.progress) return;
    await keeper.save({ progress: this.progress, state: state ?? (await this.step.save()) });
    this.kept = this.progress;
    this.keptAt = performance.now();
    onCheckpoint?.(this.progress);
  }

  /** Saves what can be saved after an error, and says what happened. */
  async rescue(error: unknown): Promise<unknown> {
    const { code, message } = error as { code?: string; message?: string };
    const { epoch, batch, updates } = this.progress;
    // Weights that a step left finite and that answer NaN are no good state to go on from.
    const judging = batch === this.options.data.train.batches;
    if (code !== "write-failed" && !(code === "not-finite" && judging)) await this.keep().catch(() => undefined);
    if (code !== "not-finite") return error;
    const where = judging ? "validation" : `update ${updates + 1}`;
    return new TrainError(
      "not-finite",
      `epoch ${epoch + 1}, ${where}: ${message}. A smaller learning rate, a longer warm-up or a clipped gradient ` +
        "(clipNorm, clip_grad) mends it most often",
      { cause: error },
    );
  }
}

function added(sums: EpochSums, { labels, targets, size }: Batch, logits: Float32Array): EpochSums {
  if (targets) return sums;
  const classes = logits.length / size;
  let { right, judged } = sums;
  for (let i = 0; i < size; i++) {
    if (rankOf(logits.subarray(i * classes, (i + 1) * classes), labels[i] as number) === 0) right++;
    judged++;
  }
  return { ...sums, right, judged };
}
