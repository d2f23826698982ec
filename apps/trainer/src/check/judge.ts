/** One model on one engine, by the command that users have. */
import { evalOnTest, type Tested } from "../process.ts";

/** What computes, and on how many test pictures. */
export interface Way extends Omit<Tested, "weights" | "data"> {
  /** For people: "tfjs (wasm)". */
  readonly name: string;
}

export interface Found {
  readonly images: number;
  readonly right: number;
  readonly engine: string;
  readonly provider: string | null;
}

/** Runs `vitrail eval` on the test pictures of `data`. */
export async function judge(weights: string, data: string, { name, ...how }: Way): Promise<Found> {
  const { status, output, errors } = await evalOnTest({ weights, data, ...how });
  if (status !== 0) throw new Error(`${weights} on ${name}: vitrail eval ended with ${status}: ${errors}`);
  const { top1, images, engine, provider } = JSON.parse(output) as Found & { top1: number };
  return { images, right: Math.round(top1 * images), engine, provider };
}
