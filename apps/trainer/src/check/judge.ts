/** One model on one engine, by the command that users have. */
import { command, quietly } from "../process.ts";

/** What computes, and on how many test pictures. */
export interface Way {
  /** For people: "tfjs (wasm)". */
  readonly name: string;
  /** Options of `vitrail eval`. */
  readonly options: readonly string[];
  /** Options of Node. */
  readonly node?: readonly string[];
  /** The first so many after the seeded shuffle. Default: all. */
  readonly limit?: number | undefined;
}

export interface Found {
  readonly images: number;
  readonly right: number;
  readonly engine: string;
  readonly provider: string | null;
}

/** Runs `vitrail eval` on the test pictures of `data`. */
export async function judge(weights: string, data: string, { name, options, node = [], limit }: Way): Promise<Found> {
  const args = ["eval", "--data", data, "--weights", weights, "--split", "test", "--json", ...options];
  if (limit !== undefined) args.push("--limit", String(limit));
  const { status, output, errors } = await quietly(process.execPath, [...node, command, ...args]);
  if (status !== 0) throw new Error(`${weights} on ${name}: vitrail ${args.join(" ")} ended with ${status}: ${errors}`);
  const { top1, images, engine, provider } = JSON.parse(output) as Found & { top1: number };
  return { images, right: Math.round(top1 * images), engine, provider };
}
