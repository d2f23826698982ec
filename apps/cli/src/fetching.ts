import type { DownloadProgress, OpenOptions } from "@vitrail/hub";
import type { SingleBar } from "cli-progress";
import { say } from "./io.ts";
import { newBar } from "./progress.ts";
import { plain } from "./user-error.ts";

const SMALL = 1_000_000; // bytes that are there before a bar would be read

/**
 * How the command fetches: never where `--offline` says so, with a bar for what takes its time; `done` ends the bar.
 *
 * @param names to offer where one is not on the hub
 */
export function fetching(
  { offline }: { offline?: boolean | undefined },
  names: Iterable<string> = [],
): OpenOptions & { done(): void } {
  let bar: SingleBar | undefined;
  let loading = false;
  let shown = "";
  let ended = false;
  const start = async ({ file, total }: DownloadProgress) => {
    loading = true;
    const fresh = await newBar("{mb} of {size} MB, {eta_formatted} left, {file}");
    if (ended) return;
    bar = fresh;
    bar.start(total ?? 0, 0, { file: plain(file), mb: "0.0", size: megabytes(total) });
  };
  const onProgress = (progress: DownloadProgress) => {
    const { url, file, loaded, total } = progress;
    if (total !== undefined && total < SMALL) return;
    if (!process.stderr.isTTY) {
      if (shown !== url) say(plain(`fetching ${file}, ${megabytes(total)} MB, from ${new URL(url).host}`));
      shown = url;
    } else if (!loading) void start(progress);
    else {
      if (shown !== url) bar?.setTotal(total ?? 0);
      shown = url;
      bar?.update(loaded, { mb: megabytes(loaded), file: plain(file), size: megabytes(total) });
    }
  };
  return {
    ...(offline ? { offline } : {}),
    from: import.meta.url, // where the packages of the box are to be seen
    onProgress,
    names,
    done() {
      ended = true;
      bar?.stop();
    },
  };
}

/** Bytes as megabytes. */
export function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? "?" : (bytes / 1e6).toFixed(1);
}
