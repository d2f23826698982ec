/** What a training run says while it goes: lines and a bar for people, one JSON document a line for programs. */

import { engineTitle } from "@vitrail/jit";
import type { Conclusion, EpochReport, FitCallbacks, Progress, StepReport } from "@vitrail/train";
import { colorsFor, print, say } from "../io.ts";
import { plain } from "../user-error.ts";
import { openBar } from "./bar.ts";
import type { Resolved } from "./session.ts";

/** What is about to be done. */
export interface Plan {
  readonly folder: string;
  readonly recipe: Resolved;
  readonly images: number;
  readonly validation: number;
  readonly classes: readonly string[];
}

/** Told by a run what happens. */
export interface Reporter {
  note(line: string): void;
  checking(done: number, of: number): void;
  features(done: number, of: number): void;
  plan(plan: Plan): void;
  start(
    start: Parameters<FitCallbacks["onStart"] & {}>[0],
    length: { readonly epochs: number; readonly updates: number },
  ): void;
  step(report: StepReport): void;
  validation(done: number, of: number): void;
  epoch(report: EpochReport): void;
  interrupted(progress: Progress, folder: string): void;
  done(conclusion: Conclusion, progress: Progress, folder: string): void;
  /** Takes the bar away. */
  end(): void;
}

/** Updates after which the speed is known well enough to say how long it will take. */
const WARM = 4;

export async function createReporter({
  json,
  onNote,
}: {
  readonly json: boolean;
  readonly onNote: (line: string) => void;
}): Promise<Reporter> {
  const bar = await openBar(!json);
  const emit = (event: string, more: object) => print(JSON.stringify({ event, ...more }));
  const { dim, bold, green } = colorsFor(process.stdout);
  let [epochs, updates, first, begun] = [0, 0, 0, 0];
  let estimated = false;

  return {
    note: (line) => bar.aside(() => onNote(line)),
    checking: (done, of) => bar.show(done, of, `looking at pictures, ${done} of ${of}`),
    features: (done, of) => bar.show(done, of, `features, ${done} of ${of} pictures`),
    plan({ folder, recipe, images, validation, classes }) {
      if (json) return emit("plan", { folder, recipe, images, validation, classes });
      bar.aside(() => {
        say(
          plain(
            `training ${recipe.model}${from(recipe)} on ${images} pictures of ${classes.length} classes (${some(classes)}), ${validation} to judge by`,
          ),
        );
        say(plain(`${summary(recipe)}; all of it in ${folder}/args.yaml`));
      });
    },
    start({ engine, progress }, length) {
      ({ epochs, updates } = length);
      first = progress.updates;
      begun = performance.now();
      if (json)
        return emit("start", {
          engine: engine.engine,
          provider: engine.provider ?? null,
          epoch: progress.epoch,
          updates: progress.updates,
        });
      const where = progress.updates > 0 ? `, going on after update ${progress.updates} of ${updates}` : "";
      bar.aside(() => say(`steps by ${engineTitle(engine)}: ${engine.reason}${where}`));
    },
    step({ epoch, batch, batches, updates: done, loss, lr, top1, imagesPerSecond }) {
      const perUpdate = (performance.now() - begun) / (done - first);
      const left = perUpdate * (updates - done);
      if (!json && !estimated && done - first === Math.min(WARM, updates - first)) {
        estimated = true;
        bar.aside(() =>
          say(
            `about ${duration(left)} to go, validation not counted (${imagesPerSecond.toFixed(1)} pictures a second)`,
          ),
        );
      }
      const accuracy = top1 === undefined ? "" : `  accuracy ${percent(top1)}`;
      const text = `epoch ${epoch + 1}/${epochs}  loss ${loss.toFixed(4)}${accuracy}  lr ${lr.toPrecision(3)}  ${imagesPerSecond.toFixed(1)} img/s  ${duration(left)} left`;
      bar.show(batch, batches, text);
    },
    validation: (done, of) => bar.show(done, of, `validation, ${done} of ${of} pictures`),
    epoch(report) {
      if (json) return emit("epoch", report);
      const { epoch, train, validation, best } = report;
      const trained = `epoch ${epoch + 1}/${epochs}  loss ${train.loss.toFixed(4)}${train.top1 === undefined ? "" : `  accuracy ${percent(train.top1)}`}`;
      const judged = validation
        ? `  validation: loss ${validation.loss.toFixed(4)}  accuracy ${percent(validation.top1)}`
        : "";
      bar.aside(() => print(best ? `${bold(trained + judged)}${green("  best")}` : dim(trained + judged)));
    },
    interrupted({ epoch, updates: done }, folder) {
      if (json) return emit("interrupted", { epoch, updates: done, folder });
      bar.aside(() =>
        say(
          plain(
            `stopped in epoch ${epoch + 1}, after update ${done}; go on with: vitrail train --resume --out ${word(folder)}`,
          ),
        ),
      );
    },
    done({ top1, top5, loss, images, calibration, temperature }, { best, ended }, folder) {
      const epoch = best?.epoch ?? epochs - 1;
      if (json)
        return emit("done", {
          folder,
          epoch,
          ended,
          images,
          top1,
          top5,
          loss,
          ece: calibration.ece,
          temperature: temperature?.temperature ?? null,
        });
      bar.aside(() => {
        const why = ended === "early" ? ", ended early" : "";
        print(
          plain(
            `${percent(top1)} of ${images} validation pictures right (weights of epoch ${epoch + 1}${why}); ${folder}/README.md says more`,
          ),
        );
        say(plain(`use it: vitrail classify photo.jpg --weights ${word(folder)}`));
      });
    },
    end: () => bar.end(),
  };
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

function from({ weights, backbone_weights: backbone = "none", mode }: Resolved): string {
  if (backbone !== "none") return ` on the backbone of ${backbone}, the rest from random weights,`;
  if (weights === "none") return " from random weights";
  const what = { full: "", linear: " (its classifier)", partial: " (its last blocks)", lora: " (low-rank updates)" };
  return `${what[mode]} from ${weights}`;
}

function summary({ epochs, batch_size, grad_accum_steps = 1, opt, lr, img_size, aa, mixup, cutmix }: Resolved): string {
  const batch = grad_accum_steps > 1 ? `${batch_size} × ${grad_accum_steps}` : batch_size;
  const mixed = mixup || cutmix ? ", mixed pictures" : "";
  return `${epochs} epoch${epochs === 1 ? "" : "s"} in batches of ${batch}, ${img_size} pixels, ${opt} at ${lr}${aa && aa !== "none" ? `, ${aa}` : ""}${mixed}`;
}

function some(names: readonly string[]): string {
  return names.length > 6 ? `${names.slice(0, 5).join(", ")}, …` : names.join(", ");
}

/** A path as a shell takes it. */
const word = (path: string): string =>
  /^[\p{L}\p{N}_./@-]+$/u.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;

/** "3 min", as people say it. */
function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
