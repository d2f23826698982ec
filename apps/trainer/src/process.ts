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
