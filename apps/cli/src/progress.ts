/** A bar on stderr while photos are classified. */
export interface Progress {
  step(): void;
  stop(): void;
}

/** A progress bar where both streams are a terminal; undefined where output is piped. */
export async function progress(total: number): Promise<Progress | undefined> {
  if (!process.stderr.isTTY || !process.stdout.isTTY) return undefined;
  const { default: cliProgress } = await import("cli-progress"); // CommonJS
  const bar = new cliProgress.SingleBar({
    format: "{bar} {value}/{total} photos, {eta_formatted} left",
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 30,
  });
  bar.start(total, 0);
  return { step: () => bar.increment(), stop: () => bar.stop() };
}
