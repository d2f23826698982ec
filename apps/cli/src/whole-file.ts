import { randomUUID } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { safetensorsChunks } from "@vitrail/checkpoint";
import { reasonOf } from "./files.ts";
import { UserError } from "./user-error.ts";

/** @throws UserError where `--out` names a file that is there and nobody said `--force` */
export function refuseExisting(out: string, force: boolean | undefined): void {
  if (force || !existsSync(out)) return;
  throw new UserError(`--out ${out}: there is such a file; give --force to write over it`);
}

/**
 * A file that is written beside `out` and then takes its place: whatever goes wrong, `out` is whole or as it was.
 *
 * @throws UserError where the system refuses; what `write` throws of its own passes
 */
export async function writeWhole<T>(out: string, write: (file: FileHandle) => Promise<T>): Promise<T> {
  const temporary = `${out}.${randomUUID().slice(0, 8)}.tmp`;
  const interrupted = () => {
    rmSync(temporary, { force: true });
    process.exit(130);
  };
  process.once("SIGINT", interrupted);
  try {
    const file = await open(temporary, "wx");
    let result: T;
    try {
      result = await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, out);
    return result;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error; // not the system's trouble
    const why =
      code === "ENOSPC"
        ? "the disk is full"
        : code === "ENOENT"
          ? `there is no folder ${dirname(out)}`
          : reasonOf(error);
    throw new UserError(`--out ${out} cannot be written: ${why}`);
  } finally {
    process.off("SIGINT", interrupted);
  }
}

/** Tensors as a safetensors file, one at a time in memory; whole as {@link writeWhole} writes. */
export async function writeTensors(out: string, ...content: Parameters<typeof safetensorsChunks>): Promise<void> {
  await writeWhole(out, async (file) => {
    for (const chunk of safetensorsChunks(...content)) await file.writeFile(chunk);
  });
}
