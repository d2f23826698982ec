import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a run of the command left. */
export interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** No test asks a real hub or sees a real cache: nobody listens on this port, and the folder is never made. */
const nowhere = { HF_ENDPOINT: "http://127.0.0.1:2", HF_HOME: join(tmpdir(), "vitrail-no-cache") };

/** Runs a script of Node with no colours asked for or refused by the environment of the tests. */
export function run(
  script: string,
  args: readonly string[],
  { env = {}, input, cwd }: { env?: NodeJS.ProcessEnv; input?: Uint8Array; cwd?: string } = {},
): Promise<Result> {
  const { NO_COLOR: _, FORCE_COLOR: __, ...rest } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], {
      env: { ...rest, ...nowhere, ...env },
      ...(cwd ? { cwd } : {}),
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.on("error", reject);
    child.on("close", (status) => {
      resolve({ status, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
    });
    child.stdin.on("error", () => {}); // it may not want all of it
    child.stdin.end(input);
  });
}
