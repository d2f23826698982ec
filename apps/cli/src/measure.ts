/** What a benchmark runs, and what it is held against. */
export interface Subject {
  /** Images in one run, and floating-point operations. */
  readonly batch: number;
  readonly flops: number;
  run(): Promise<void>;
  /** One or more products of two fp32 matrices of 2048 × 2048, both fed as inputs, on the same engine and threads. */
  readonly peak: { readonly flops: number; run(): Promise<void> };
}

/** Numbers of a benchmark; `runs` is how many it is the median of. */
export interface Measured {
  readonly imagesPerSecond: number;
  readonly msP50: number;
  readonly msP95: number;
  readonly gflops: number;
  readonly peakFraction: number;
  readonly peakGflops: number;
  readonly runs: number;
}

const WARM_UP = 3; // the first runs of a session are 2 to 6 times slower: they fill its arena
const LEAST = 5;
const PEAKS = 5;

/** Runs a subject for about so many seconds, the peak in between, at even distances. */
export async function measure(subject: Subject, seconds: number): Promise<Measured> {
  const { batch, flops, peak } = subject;
  for (let i = 0; i < WARM_UP; i++) await subject.run();
  await peak.run();
  const times: number[] = [];
  const peaks = [await timed(peak.run)];
  let spent = 0;
  while (spent < 1000 * seconds || times.length < LEAST) {
    const ms = await timed(subject.run);
    times.push(ms);
    spent += ms;
    if (peaks.length < PEAKS && spent > (1000 * seconds * peaks.length) / PEAKS) peaks.push(await timed(peak.run));
  }
  const msP50 = quantile(times, 0.5);
  const gflops = flops / msP50 / 1e6;
  const peakGflops = peak.flops / quantile(peaks, 0.5) / 1e6;
  return {
    imagesPerSecond: (1000 * batch) / msP50,
    msP50,
    msP95: quantile(times, 0.95),
    gflops,
    peakFraction: gflops / peakGflops,
    peakGflops,
    runs: times.length,
  };
}

async function timed(run: () => Promise<void>): Promise<number> {
  const begin = performance.now();
  await run();
  return performance.now() - begin;
}

/** A quantile, between two values where it falls there. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(at)] as number, sorted[Math.ceil(at)] as number];
  return low + (high - low) * (at - Math.floor(at));
}
