/** Other programs. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "./places.ts";

/** The command `vitrail` of this checkout. */
export const command = join(root, "apps/cli/dist/vitrail.js");

/** Runs `vitrail` with our terminal and gives its exit status. */
export function vitrail(...args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [command, ...args], { stdio: "inherit" });
  return new Promise((done) => child.on("close", (status) => done(status ?? 1)));
}

/** What a program printed, and how it ended. */
export interface Ended {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs a program to its end. */
export function quietly(program: string, args: readonly string[]): Promise<Ended> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let [output, errors] = ["", ""];
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  return new Promise((done) => child.on("close", (status) => done({ status: status ?? 1, output, errors })));
}

/** What the test pictures of `data` are given to. */
export interface Tested {
  readonly weights: string;
  readonly data: string;
  /** The first so many after the seeded shuffle. Default: all. */
  readonly limit?: number | undefined;
  /** Further options of `vitrail eval`, and options of Node. */
  readonly options?: readonly string[];
  readonly node?: readonly string[];
}

/** Runs `vitrail eval` on test pictures; its output is one JSON document. */
export function evalOnTest({ weights, data, limit, options = [], node = [] }: Tested): Promise<Ended> {
  const args = ["eval", "--data", data, "--weights", weights, "--split", "test", "--json", ...options];
  if (limit !== undefined) args.push("--limit", String(limit));
  return quietly(process.execPath, [...node, command, ...args]);
}
