import { createPreprocessor, type Preprocess } from "@vitrail/data";
import { entriesOf } from "./files.ts";
import { messageOf, UserError } from "./user-error.ts";

/** Photos that calibrate at most; more make ranges no better. */
const MOST = 256;
/** Every so manieth photo is kept to judge on. */
const JUDGES = 4;

/** Photos of a folder, prepared for a model: some to calibrate on, others to judge the result on. */
export interface CalibrationPhotos {
  readonly calibration: readonly Float32Array[];
  /** Empty where there are too few photos to keep any back. */
  readonly validation: readonly Float32Array[];
}

/** The images directly in a folder, at most 256 of them, spread over all. */
export async function photosIn(folder: string, onNote: (line: string) => void): Promise<string[]> {
  const entries = await entriesOf([folder], onNote);
  const [only] = entries;
  if (entries.length === 1 && only?.error !== undefined) throw new UserError(`--calibrate ${folder}: ${only.error}`);
  const paths = entries.flatMap((entry) => (entry.error === undefined ? [entry.path] : []));
  const step = Math.max(1, paths.length / MOST);
  return Array.from({ length: Math.min(MOST, paths.length) }, (_, i) => paths[Math.floor(i * step)] as string);
}

/** Photos of a folder, prepared; every fourth is kept to judge on. */
export async function calibrationPhotos(
  folder: string,
  preprocess: Preprocess,
  onNote: (line: string) => void,
): Promise<CalibrationPhotos> {
  const taken = await photosIn(folder, onNote);
  const pool = createPreprocessor({ preprocess });
  const calibration: Float32Array[] = [];
  const validation: Float32Array[] = [];
  try {
    const prepared = await Promise.all(taken.map((path) => pool.one(path).catch((error: unknown) => error as Error)));
    for (const [i, photo] of prepared.entries()) {
      if (photo instanceof Float32Array) {
        (taken.length >= 2 * JUDGES && i % JUDGES === JUDGES - 1 ? validation : calibration).push(photo);
      } else onNote(`--calibrate: passed over ${messageOf(photo)}`);
    }
  } finally {
    await pool.dispose();
  }
  if (calibration.length === 0) throw new UserError(`--calibrate ${folder}: none of its images can be read`);
  return { calibration, validation };
}

/** What the library says where it lacks photos, with the option that gives them. */
export function asksForPhotos(error: Error & { readonly code?: string }, calibrate: string | undefined): Error {
  const lacks = error.code === "bad-input" && /calibration/.test(error.message) && calibrate === undefined;
  return lacks ? new UserError(`${error.message}: give a folder of photos with --calibrate DIR`) : error;
}
