import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { writeFailed } from "../whole-file.ts";
import { encodeEvent, encodeVersion, type RunEvent, stepOf } from "./event.ts";
import { frameRecord, readRecords } from "./record.ts";

/** The clock of a file's events: seconds since 1970. */
const now = () => Date.now() / 1000;

export interface EventFileOptions {
  /** Going on with a file: its events after this step are cut off, as the run will write them again. Default: none are. */
  readonly lastStep?: number;
}

/** A TensorBoard event file that is open for more. Every event is in the file when `append` returns. */
export interface EventFile {
  /** @throws TrainError "write-failed"; the file then ends with the event before */
  append(event: Omit<RunEvent, "wallTime"> & { readonly wallTime?: number }): void;
  /** Waits until the disk has it. */
  sync(): void;
  close(): void;
}

/**
 * Opens a TensorBoard event file, a new one or one to go on with: a last event that a kill has torn is cut off.
 * @param path TensorBoard finds files whose names contain "tfevents"
 * @throws TrainError "write-failed"
 */
export function openEventFile(path: string, { lastStep = Number.POSITIVE_INFINITY }: EventFileOptions = {}): EventFile {
  const kept = existsSync(path) ? intactLength(readFileSync(path), lastStep) : 0;
  const file = openFile(path, kept > 0 ? "r+" : "w");
  let length = kept;
  const write = (content: Uint8Array): void => {
    const bytes = frameRecord(content);
    try {
      for (let done = 0; done < bytes.length; )
        done += writeSync(file, bytes, done, bytes.length - done, length + done);
    } catch (error) {
      ftruncateSync(file, length);
      throw writeFailed(path, error);
    }
    length += bytes.length;
  };
  try {
    ftruncateSync(file, length);
    if (length === 0) write(encodeVersion(now()));
  } catch (error) {
    closeSync(file);
    throw error;
  }
  return {
    append: (event) => write(encodeEvent({ wallTime: now(), ...event })),
    sync: () => fsyncSync(file),
    close: () => closeSync(file),
  };
}

function openFile(path: string, flags: string): number {
  try {
    return openSync(path, flags);
  } catch (error) {
    throw writeFailed(path, error);
  }
}

/** How many bytes of a file are whole events of up to `lastStep`; 0 where it is no event file. */
function intactLength(file: Uint8Array, lastStep = Number.POSITIVE_INFINITY): number {
  let end = 0;
  try {
    for (const record of readRecords(file)) {
      if (stepOf(record.content) > lastStep) break;
      end = record.end;
    }
  } catch {
    // a whole record that is no event
  }
  return end;
}
