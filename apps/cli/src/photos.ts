/** What the commands that look at photos share. */
import type { Photo } from "@vitrail/classify";
import type { Entry } from "./files.ts";
import { messageOf, plain, UserError } from "./user-error.ts";

/** Photos from which a bar is worth its flicker. */
export const LONG = 4;
/** Photos up to which threads cost more than they save. */
export const FEW = 4;

type Found = Extract<Entry, { path: string }>;

/** What the model's package takes: paths, and the bytes of stdin for `-`. */
export async function photosOf(entries: readonly Found[]): Promise<Photo[]> {
  const stdin = entries.some(({ path, file }) => path === "-" && file === "-") ? await readStdin() : undefined;
  return entries.map(({ path, file }) => (file === "-" ? (stdin as Uint8Array) : path));
}

async function readStdin(): Promise<Uint8Array> {
  if (process.stdin.isTTY)
    throw new UserError("-: stdin is a terminal; give a photo to it, e.g. vitrail classify - < photo.jpg");
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return new Uint8Array(Buffer.concat(chunks));
}

/** An error's message without the file's name at its beginning: it stands beside it already. */
export function reasonFor({ file, path }: Found, error: Error): string {
  const message = messageOf(error);
  for (const name of [file, path])
    if (message.startsWith(`${plain(name)}: `)) return message.slice(plain(name).length + 2);
  return message;
}
