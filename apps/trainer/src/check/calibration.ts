/** Training pictures as files, for `--calibrate`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { limit, openDataset, pictureFile } from "@vitrail/data";

/** As many as `--calibrate` takes. */
const PICTURES = 256;

/** Writes training pictures of a data set into a folder, the first after the seeded shuffle. */
export async function writeCalibration(data: string, folder: string): Promise<void> {
  const dataset = await openDataset(data);
  try {
    const train = dataset.splits.get("train");
    if (!train) throw new Error(`${data}: expected a split train, found ${[...dataset.splits.keys()].join(", ")}`);
    const some = limit(train, PICTURES, 0);
    mkdirSync(folder, { recursive: true });
    for (let i = 0; i < some.length; i++) {
      const { bytes, kind } = await pictureFile(await some.source(i));
      writeFileSync(join(folder, `${String(i).padStart(3, "0")}.${kind}`), bytes);
    }
  } finally {
    await dataset.dispose();
  }
}
