/** Small parts of the loader that know nothing of it. */
import type { Split } from "../datasets/types.ts";
import { ImageError } from "../errors.ts";

/** Runs [from, to) of neighbouring slots, none longer than `most`. */
export function runsOf(slots: readonly number[], most: number): [number, number][] {
  const runs: [number, number][] = [];
  for (const slot of slots) {
    const last = runs.at(-1);
    if (last && last[1] === slot && slot - last[0] < most) last[1]++;
    else runs.push([slot, slot + 1]);
  }
  return runs;
}

/** Waits for all, as buffers are in use until then, and throws the first error. */
export async function allSettledOrFirstError(promises: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(promises);
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}

/** The promise, or the signal's reason where that comes first. */
export function withSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

export function whole(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new ImageError("bad-argument", `${name}: expected a whole number of at least ${least}, found ${value}`);
}

export function assertLabels(split: Split, numClasses: number): void {
  whole("numClasses", numClasses, 1);
  for (let i = 0; i < split.length; i++) {
    const label = split.label(i);
    if (!(Number.isInteger(label) && label >= 0 && label < numClasses))
      throw new ImageError(
        "bad-argument",
        `${split.nameOf(i)}: expected a label from 0 to ${numClasses - 1}, as the model has ${numClasses} classes, found ${label}`,
      );
  }
}
