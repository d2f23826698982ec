import { isOfModel } from "./model-files.ts";

/** What the user gave: files, or a folder and those of its files that can be a model's. */
export interface Dropped {
  readonly folder?: string;
  readonly files: readonly File[];
}

/** What was dropped on the page. Folders within a folder are not looked into. */
export async function dropped({ items, files }: DataTransfer): Promise<Dropped> {
  // Before anything is waited for: after the event the list is empty.
  const given = [...files];
  const folder = [...items].map((item) => item.webkitGetAsEntry()).find((entry) => entry?.isDirectory);
  if (!folder) return { files: given };
  return { folder: folder.name, files: await filesIn(folder as FileSystemDirectoryEntry) };
}

async function filesIn(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const reader = folder.createReader();
  const found: File[] = [];
  for (;;) {
    // A part of them at a time, and none when all were given.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return found;
    for (const entry of entries) {
      if (!entry.isFile || !isOfModel(entry)) continue;
      found.push(await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)));
    }
  }
}
