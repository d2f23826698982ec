import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { CheckpointError, type Storage } from "@vitrail/checkpoint";
import { HubError } from "./errors.ts";

const MAX_READ = 1 << 30; // a single read of 2 GB and more fails

/**
 * A file as a `Storage`: opened once, read where and when bytes are asked for, closed by `close()`.
 * Each read gives bytes of their own.
 *
 * @throws HubError ("not-found", "read-failed") where there is no regular file
 */
export function openFile(path: string): Storage & { close(): void } {
  let fd: number;
  try {
    // Asked before opening: opening a pipe would wait for its writer.
    if (!statSync(path).isFile()) throw new HubError("read-failed", `${path} is no regular file`);
    fd = openSync(path, "r");
  } catch (error) {
    throw fileError(error, path);
  }
  return new FileStorage(path, fd, fstatSync(fd).size);
}

class FileStorage implements Storage {
  readonly byteLength: number;
  private readonly path: string;
  private fd: number | undefined;

  constructor(path: string, fd: number, byteLength: number) {
    this.path = path;
    this.fd = fd;
    this.byteLength = byteLength;
  }

  bytes(begin: number, end: number): Uint8Array {
    const { fd, path } = this;
    if (fd === undefined) throw new CheckpointError("read-failed", "these weights are closed", path);
    if (!(begin >= 0 && begin <= end && end <= this.byteLength)) {
      throw new CheckpointError(
        "read-failed",
        `the bytes ${begin} to ${end} are outside of its ${this.byteLength}`,
        path,
      );
    }
    const out = new Uint8Array(end - begin);
    for (let at = 0; at < out.length; ) {
      const got = readSync(fd, out, at, Math.min(out.length - at, MAX_READ), begin + at);
      if (got === 0) {
        throw new CheckpointError(
          "read-failed",
          `ends at byte ${begin + at}, it was ${this.byteLength} long when opened`,
          path,
        );
      }
      at += got;
    }
    return out;
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
  }
}

/** What the file system said, as an error of ours. */
export function fileError(error: unknown, path: string): unknown {
  const code = (error as { code?: unknown }).code;
  if ((error as Error).name === "HubError") return error;
  if (code === "ENOENT" || code === "ENOTDIR") return new HubError("not-found", `there is no file ${path}`, error);
  if (code === "EACCES" || code === "EPERM") {
    return new HubError("read-failed", `${path} may not be read (${code}); check its permissions`, error);
  }
  return new HubError("read-failed", `${path} cannot be read: ${(error as Error).message}`, error);
}
