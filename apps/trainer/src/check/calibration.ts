/** Training pictures as files, for `--calibrate`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { limit, openDataset, pictureFile } from "@vitrail/data";
import { splitNamed } from "../../../cli/src/train/pictures.ts";

/** As many as `--calibrate` takes. */
const PICTURES = 256;

/** Writes training pictures of a data set into a folder, the first after the seeded shuffle. */
export async function writeCalibration(data: string, folder: string): Promise<void> {
  const dataset = await openDataset(data);
  try {
    const some = limit(splitNamed(dataset, ["train"], data), PICTURES, 0);
    mkdirSync(folder, { recursive: true });
    for (let i = 0; i < some.length; i++) {
      const { bytes, kind } = await pictureFile(await some.source(i));
      writeFileSync(join(folder, `${String(i).padStart(3, "0")}.${kind}`), bytes);
    }
  } finally {
    await dataset.dispose();
  }
}
