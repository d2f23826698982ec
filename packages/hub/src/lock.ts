import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const BEAT = 1000;
const SILENT = 60_000; // without a beat for so long an owner is dead, whatever its process id says

/**
 * Runs `work` while no other process of ours runs it under this lock file. The file names its owner; one whose process is
 * gone, or that has not touched the file for a minute, is taken over.
 *
 * Python's huggingface_hub locks with flock, which Node does not have: against it, files are written under names of their
 * own and renamed at the end.
 */
export async function locked<T>(file: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const mine = JSON.stringify({ pid: process.pid, host: hostname(), key: randomUUID() });
  mkdirSync(dirname(file), { recursive: true });
  for (let wait = 20; !take(file, mine); wait = Math.min(250, wait * 2)) {
    await sleep(wait, undefined, signal ? { signal } : {});
  }
  const beat = setInterval(() => {
    try {
      utimesSync(file, new Date(), new Date());
    } catch {
      // taken away: then two work, and the hash of what they write decides
    }
  }, BEAT);
  beat.unref();
  try {
    return await work();
  } finally {
    clearInterval(beat);
    if (read(file) === mine) rmSync(file, { force: true });
  }
}

/** Whether a lock file is there and its owner lives. */
export function isLocked(file: string): boolean {
  const text = read(file);
  return text !== undefined && !isDead(file, text);
}

function take(file: string, mine: string): boolean {
  try {
    writeFileSync(file, mine, { flag: "wx" });
    return true;
  } catch (error) {
    // Windows says EPERM or EBUSY while another process removes the file.
    const busy = process.platform === "win32" ? ["EEXIST", "EPERM", "EBUSY"] : ["EEXIST"];
    if (!busy.includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
  const theirs = read(file);
  if (theirs === undefined || !isDead(file, theirs)) return false;
  // Moved aside and looked at again: another process may have taken it between the two steps.
  const aside = `${file}.${randomUUID().slice(0, 8)}`;
  try {
    renameSync(file, aside);
    if (read(aside) === theirs) rmSync(aside, { force: true });
    else renameSync(aside, file);
  } catch {
    // another waiter was quicker
  }
  return false;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function isDead(file: string, text: string): boolean {
  let age: number;
  try {
    age = Date.now() - statSync(file).mtimeMs;
  } catch {
    return false; // it is gone already
  }
  if (age > SILENT) return true;
  try {
    const { pid, host } = JSON.parse(text) as { pid: number; host: string };
    // Containers may share a hostname and not see each other's processes: the beat must have stopped, too.
    return host === hostname() && age > 3 * BEAT && !isAlive(pid);
  } catch {
    return age > 5000; // it is written right after it is made
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
