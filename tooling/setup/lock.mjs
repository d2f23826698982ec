import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./process.mjs";

const folder = join(root, ".vitrail");
const file = join(folder, "setup.lock");

/** Runs `work` while no other process of this checkout does set-up. A lock whose owner is gone is taken over. */
export async function locked(work) {
  mkdirSync(folder, { recursive: true });
  for (let told = false; !take(); ) {
    if (!told) console.error("Waiting for another set-up in this folder to finish");
    told = true;
    await new Promise((done) => setTimeout(done, 250));
  }
  const release = () => rmSync(file, { force: true });
  process.on("exit", release);
  try {
    return await work();
  } finally {
    process.off("exit", release);
    release();
  }
}

function take() {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code !== "EEXIST" && error.code !== "EPERM" && error.code !== "EBUSY") throw error;
  }
  const owner = readOwner();
  if (owner !== undefined && !alive(owner)) {
    // Move the dead lock aside and look again: another process may have replaced it between the two steps.
    const aside = `${file}.${process.pid}`;
    try {
      renameSync(file, aside);
      if (readFileSync(aside, "utf8") !== String(owner)) renameSync(aside, file);
      else rmSync(aside);
    } catch {
      // another waiter was quicker
    }
  }
  return false;
}

/** The lock's process id, or undefined while it is just being written. */
function readOwner() {
  try {
    const text = readFileSync(file, "utf8");
    if (text !== "") return Number(text);
    return Date.now() - statSync(file).mtimeMs > 10_000 ? 0 : undefined;
  } catch {
    return undefined;
  }
}

function alive(pid) {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
