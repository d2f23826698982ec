import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { type FileHandle, open, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { guarded, writeError } from "./cache.ts";
import { HubError } from "./errors.ts";
import { hashKind } from "./hash-kind.ts";
import { type Answer, type Http, mayPass, unreachable } from "./http.ts";
import { locked } from "./lock.ts";
import { isPage, pageError } from "./refusal.ts";
import type { OpenOptions } from "./weights.ts";

/** A file to be fetched, and what is known of it beforehand. */
export interface Wanted {
  readonly url: URL;
  /** Its name, for people. */
  readonly file: string;
  /** The name that it gets when all of it is there and right. */
  readonly destination: string;
  /** Where it grows. A later process goes on with it, so the name must stand for the content. */
  readonly incomplete: string;
  readonly lock: string;
  readonly size: number | undefined;
  /** SHA-256 in hexadecimal, git's SHA-1 of a blob, or another ETag, which checks nothing. */
  readonly etag: string;
  /** What to say of an answer that is not the file. */
  readonly refused: (answer: Answer) => Error;
  /** Whether it is there already. Default: that something has its name, which says enough where the name is a hash. */
  readonly isThere?: () => boolean;
  /** Runs when it has its name, before another process may look. */
  readonly onNamed?: () => void;
}

/**
 * Fetches a file, unless it is there or another process fetches it right now. It goes on where a lost connection or an
 * earlier process stopped, and gets its name only when its size and hash are right.
 *
 * @returns whether it is new
 */
export async function fetchBlob(http: Http, wanted: Wanted, options: OpenOptions): Promise<boolean> {
  const { destination, incomplete, lock, isThere = () => existsSync(destination) } = wanted;
  if (isThere()) return false;
  guarded(destination, () => mkdirSync(dirname(destination), { recursive: true }));
  const work = async () => {
    if (isThere()) return false; // another process was quicker
    const resumed = sizeOf(incomplete) > 0;
    await fill(http, wanted, options);
    if (!(await isRight(wanted))) {
      rmSync(incomplete, { force: true });
      // What an earlier process left may be to blame: once more, from the beginning.
      if (resumed) await fill(http, wanted, options);
      if (!resumed || !(await isRight(wanted))) {
        rmSync(incomplete, { force: true });
        throw new HubError(
          "wrong-hash",
          `${wanted.file} came with other bytes than ${wanted.url.host} announced (its hash is not ${wanted.etag.slice(0, 12)}…); nothing was kept, try again`,
        );
      }
    }
    guarded(destination, () => {
      renameSync(incomplete, destination);
      wanted.onNamed?.();
    });
    return true;
  };
  try {
    return await locked(lock, work, options.signal);
  } catch (error) {
    throw writeError(error, destination);
  }
}

/** Grows the incomplete file to its whole size. */
async function fill(http: Http, wanted: Wanted, options: OpenOptions): Promise<void> {
  const { size, incomplete } = wanted;
  const file = await open(incomplete, "a");
  try {
    let have = (await file.stat()).size;
    if (size !== undefined && have > size) have = await emptied(file);
    await assertRoom(wanted, have);
    let repetition = 0;
    let refused = 0;
    for (let mark = have; size === undefined || have < size || size === 0; ) {
      options.signal?.throwIfAborted();
      const answer = await http.request(wanted.url, have > 0 ? { headers: { range: `bytes=${have}-` } } : {});
      const { status, headers, body } = answer.response;
      if (have > 0 && (status === 416 || (status === 206 && !continues(headers, have, size)))) {
        await body?.cancel();
        if (++refused > 1) throw wanted.refused(answer);
        have = await emptied(file);
        continue;
      }
      if (status !== 200 && status !== 206) throw wanted.refused(answer);
      if (status === 200) have = await emptied(file); // the server knows no ranges
      const announced = size ?? (status === 200 ? lengthOf(headers) : undefined);
      try {
        have = await pour(answer, file, have, { wanted, size: announced, options });
        if (announced === undefined || have === announced) return;
        throw new Error("ended early");
      } catch (error) {
        options.signal?.throwIfAborted();
        if (isOurs(error) || !mayPass(error)) throw error;
        have = (await file.stat()).size;
        if (have - mark > 4_000_000) repetition = 0; // it gets on
        mark = have;
        if (!(await http.pause(repetition++))) throw cutError(wanted, have, error);
      }
    }
  } catch (error) {
    const full = (error as NodeJS.ErrnoException).code;
    if (full === "ENOSPC" || full === "EDQUOT" || full === "EFBIG") rmSync(incomplete, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** Writes a body as it arrives; gives the size of the file then. */
async function pour(
  answer: Answer,
  file: FileHandle,
  from: number,
  { wanted, size, options }: { wanted: Wanted; size: number | undefined; options: OpenOptions },
): Promise<number> {
  const { response, shown } = answer;
  const reader = response.body?.getReader();
  let have = from;
  try {
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
      if (done || value === undefined) return have;
      if (have === 0 && isPage(value) && !/\.html?$/i.test(wanted.file)) throw pageError(shown);
      if (size !== undefined && have + value.length > size) {
        await emptied(file);
        throw new HubError(
          "wrong-size",
          `${wanted.file} is longer than the ${size} bytes that ${wanted.url.host} announced; nothing was kept, try again`,
        );
      }
      for (let at = 0; at < value.length; ) at += (await file.write(value, at)).bytesWritten;
      have += value.length;
      options.onProgress?.({
        url: `${wanted.url.origin}${wanted.url.pathname}`,
        file: wanted.file,
        loaded: have,
        total: size,
      });
    }
  } finally {
    await reader?.cancel().catch(() => {});
  }
}

/** Whether what is there has the announced hash. */
async function isRight({ incomplete, etag }: Wanted): Promise<boolean> {
  const kind = hashKind(etag);
  return kind === undefined || (await hashFile(incomplete, kind)) === etag;
}

/** A file's SHA-256, or the SHA-1 that git names a blob by. */
export async function hashFile(path: string, kind: "sha256" | "git"): Promise<string> {
  const hash = createHash(kind === "git" ? "sha1" : "sha256");
  if (kind === "git") hash.update(`blob ${statSync(path).size}\0`);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

async function assertRoom({ size, incomplete, file }: Wanted, have: number): Promise<void> {
  if (size === undefined) return;
  const room = await statfs(dirname(incomplete)).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => undefined,
  );
  if (room === undefined || room >= size - have) return;
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  throw new HubError(
    "disk-full",
    `${file} needs ${mb(size - have)} and ${dirname(incomplete)} has ${mb(room)}; free some, or set HF_HUB_CACHE to a folder on another disk`,
  );
}

async function emptied(file: FileHandle): Promise<0> {
  await file.truncate(0);
  return 0;
}

/** Whether a part begins where ours ends, and is of the same whole. */
function continues(headers: Headers, have: number, size: number | undefined): boolean {
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get("content-range") ?? "");
  if (range === null || Number(range[1]) !== have) return false;
  return size === undefined || range[2] === "*" || Number(range[2]) === size;
}

function lengthOf(headers: Headers): number | undefined {
  const length = headers.get("content-length");
  return length !== null && /^\d+$/.test(length) && !headers.has("content-encoding") ? Number(length) : undefined;
}

function cutError({ file, url, size }: Wanted, have: number, error: unknown): HubError {
  const of = size === undefined ? "" : ` of ${size}`;
  const cause =
    (error as Error).message === "ended early"
      ? "the answer ended early"
      : unreachable(url, error).message.split(": ")[1]?.split(";")[0];
  return new HubError(
    "fetch-failed",
    `${file} was cut off after ${have}${of} bytes, several times (${cause}); try again, it goes on from there`,
    error,
  );
}

function isOurs(error: unknown): boolean {
  // what the file system says while writing is not the network's fault either
  return (
    (error as Error).name === "HubError" ||
    /^(ENOSPC|EDQUOT|EFBIG|EIO|EBADF|EROFS)$/.test((error as NodeJS.ErrnoException).code ?? "")
  );
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}
