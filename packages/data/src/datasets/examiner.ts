import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { workerUrl } from "../worker-url.ts";
import { DatasetError, reasonOf } from "./errors.ts";
import { type Depth, type ExamineSettings, examine, type Finding, type Task } from "./examine.ts";
import { createSampleReader } from "./sample.ts";
import type { Split } from "./types.ts";

/** How samples are looked at. */
export interface ExamineOptions {
  /** Worker threads; 0 works on the calling thread. Default: one for each core, at most 8. */
  readonly threads?: number | undefined;
  /** As for `decode`: a picture of more is bad. */
  readonly maxPixels?: number | undefined;
  /** Called now and then. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Ends the work; the promise is rejected with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Samples that go to a thread at once. */
const RUN = 16;

/**
 * Looks at every sample of some splits, side by side in threads.
 *
 * @param found called for each sample, in any order
 * @param worker the threads' entry, where it is not this package's
 */
export async function examineAll(
  splits: readonly Split[],
  depth: Depth,
  { threads = Math.min(availableParallelism(), 8), maxPixels, onProgress, signal }: ExamineOptions,
  found: (split: Split, index: number, finding: Finding) => void,
  worker?: URL,
): Promise<void> {
  if (!Number.isSafeInteger(threads) || threads < 0)
    throw new DatasetError("bad-argument", `threads: expected a whole number of at least 0, found ${threads}`);
  signal?.throwIfAborted();
  const total = splits.reduce((sum, { length }) => sum + length, 0);
  const runs = runsOf(splits);
  let done = 0;
  const url = threads === 0 ? undefined : (worker ?? (await workerUrl("examiner")));
  const lane = async (): Promise<void> => {
    const hand = url ? threadHand(url, { depth, maxPixels }) : ownHand({ depth, maxPixels });
    try {
      for (let next = runs.next(); !next.done; next = runs.next()) {
        const { split, from, to } = next.value;
        const tasks: Task[] = [];
        const indices: number[] = [];
        for (let i = from; i < to; i++) {
          const name = split.nameOf(i);
          try {
            tasks.push({ name, source: await split.source(i) });
            indices.push(i);
          } catch (cause) {
            found(split, i, { reason: reasonOf(cause) }); // of a damaged part of a file; others may be whole
          }
        }
        const findings = tasks.length > 0 ? await hand.run(tasks) : [];
        signal?.throwIfAborted();
        for (const [t, index] of indices.entries()) found(split, index, findings[t] as Finding);
        done += to - from;
        onProgress?.(done, total);
      }
    } finally {
      await hand.dispose();
    }
  };
  const lanes = Math.max(1, Math.min(threads, Math.ceil(total / RUN)));
  const settled = await Promise.allSettled(Array.from({ length: lanes }, lane));
  signal?.throwIfAborted();
  for (const each of settled) if (each.status === "rejected") throw each.reason;
}

function* runsOf(splits: readonly Split[]): Generator<{ split: Split; from: number; to: number }, void, undefined> {
  for (const split of splits)
    for (let from = 0; from < split.length; from += RUN) yield { split, from, to: Math.min(split.length, from + RUN) };
}

interface Hand {
  run(tasks: readonly Task[]): Promise<readonly Finding[]>;
  dispose(): Promise<void>;
}

function ownHand(settings: ExamineSettings): Hand {
  const reader = createSampleReader();
  return {
    async run(tasks) {
      const findings: Finding[] = [];
      for (const task of tasks) findings.push(await examine(task, settings, reader));
      await new Promise((resolve) => setImmediate(resolve)); // timers and signals have their turn
      return findings;
    },
    dispose: () => reader.dispose(),
  };
}

/** A thread. Where one is lost its samples are looked at one by one, each in a thread of its own: the one that costs it is bad. */
function threadHand(url: URL, settings: ExamineSettings): Hand {
  let worker: Worker | undefined;
  const ask = (tasks: readonly Task[]): Promise<readonly Finding[]> => {
    worker ??= new Worker(url, { workerData: settings });
    const own = worker;
    return new Promise((resolve, reject) => {
      const message = (findings: readonly Finding[]): void => settle(() => resolve(findings));
      const lost = (why: string): void => {
        worker = undefined;
        settle(() => reject(new Error(why)));
        own.on("error", () => {}); // it may still say so
        void own.terminate();
      };
      const error = (cause: unknown): void => lost(`failed: ${reasonOf(cause)}`);
      const exit = (code: number): void => lost(`ended with exit code ${code}`);
      const settle = (outcome: () => void): void => {
        own.off("message", message).off("error", error).off("exit", exit);
        outcome();
      };
      own.on("message", message).on("error", error).on("exit", exit);
      own.postMessage(tasks);
    });
  };
  return {
    async run(tasks) {
      try {
        return await ask(tasks);
      } catch (cause) {
        if (tasks.length === 1) return [{ reason: `the thread that decoded it ${(cause as Error).message}` }];
        const findings: Finding[] = [];
        for (const task of tasks) findings.push(...(await this.run([task])));
        return findings;
      }
    },
    async dispose() {
      await worker?.terminate();
    },
  };
}
