import { randomUUID } from "node:crypto";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { TrainError } from "../fit/errors.ts";

/**
 * Makes this process the only one that works in a run's folder; gives what ends that. A lock whose process is gone (killed, say) is
 * taken over.
 * @throws TrainError "folder-in-use" where another one is at work
 */
export function lockFolder(file: string, folder: string): () => void {
  const mine = JSON.stringify(self());
  for (let tries = 0; ; tries++) {
    try {
      writeFileSync(file, mine, { flag: "wx" });
      return () => {
        if (read(file) === mine) rmSync(file, { force: true });
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const theirs = read(file);
    const owner = theirs === undefined ? undefined : ownerOf(theirs);
    if (tries > 9 || (owner !== undefined && isAlive(owner))) {
      const who = owner ? `process ${owner.pid} on ${owner.host}` : "another process";
      throw new TrainError("folder-in-use", `${folder}: ${who} is training there; end it first, or remove ${file}`);
    }
    removeIf(file, theirs);
  }
}

interface Owner {
  readonly pid: number;
  readonly host: string;
  /** When the process began: numbers of processes come again, in containers always the same. */
  readonly began: number;
}

const self = (): Owner => ({ pid: process.pid, host: hostname(), began: performance.timeOrigin });

/** Removes a lock that still says `theirs`: another process may have taken it over since it was read. */
function removeIf(file: string, theirs: string | undefined): void {
  const aside = `${file}.${randomUUID().slice(0, 8)}`;
  try {
    renameSync(file, aside);
    if (read(aside) === theirs) rmSync(aside, { force: true });
    else renameSync(aside, file);
  } catch {
    // another one was quicker
  }
}

function ownerOf(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Owner;
    return Number.isSafeInteger(owner.pid) && typeof owner.host === "string" ? owner : undefined;
  } catch {
    return undefined; // cut off while it was written: nobody's
  }
}

/** Another machine's process cannot be asked, so it counts as alive. */
function isAlive({ pid, host, began }: Owner): boolean {
  if (host !== hostname()) return true;
  if (pid === process.pid) return began === performance.timeOrigin;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
