import type { SingleBar } from "cli-progress";

/** A progress bar on stderr as all commands draw it, not yet started. */
export async function newBar(format: string): Promise<SingleBar> {
  const { default: cliProgress } = await import("cli-progress"); // CommonJS
  return new cliProgress.SingleBar({
    format: `{bar} ${format}`,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 30,
  });
}

/** A bar on stderr while photos are classified. */
export interface Progress {
  step(): void;
  stop(): void;
}

/** A progress bar where both streams are a terminal; undefined where output is piped. */
export async function progress(total: number): Promise<Progress | undefined> {
  if (!process.stderr.isTTY || !process.stdout.isTTY) return undefined;
  const bar = await newBar("{value}/{total} photos, {eta_formatted} left");
  bar.start(total, 0);
  return { step: () => bar.increment(), stop: () => bar.stop() };
}
