import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { SetupError } from "../setup/process.mjs";

/** Fills a folder beside `target` and renames it into place: a build cut short is never taken for a whole one. */
export async function publish(target, fill) {
  if (existsSync(target) && readdirSync(target).length > 0) {
    // It may be anybody's: VITRAIL_TFJS_NODE can name any folder.
    throw new SetupError(`${target} is not empty and holds no build: remove it, or set VITRAIL_TFJS_NODE to another.`);
  }
  const draft = mkdtempSync(`${target}.`);
  const remove = () => rmSync(draft, { recursive: true, force: true });
  process.on("exit", remove);
  try {
    await fill(draft);
    renameSync(draft, target);
  } finally {
    process.off("exit", remove);
    remove();
  }
}
