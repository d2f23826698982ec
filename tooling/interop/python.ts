import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const scriptOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/**
 * A Python that has some modules: VITRAIL_PYTHON, the active or this folder's virtual environment (`.venv`), else
 * python3. Undefined where there is none.
 */
export function findPython(modules: string): string | undefined {
  const bin = process.platform === "win32" ? "Scripts/python.exe" : "bin/python";
  const environments = [process.env.VIRTUAL_ENV, fileURLToPath(new URL("../../.venv", import.meta.url))];
  const found = environments.flatMap((folder) => (folder ? [join(folder, bin)] : []));
  for (const python of [process.env.VITRAIL_PYTHON, ...found, "python3", "python"]) {
    if (!python) continue;
    const { status } = spawnSync(python, ["-c", `import ${modules}`], { stdio: "ignore" });
    if (status === 0) return python;
  }
  return undefined;
}

/** Runs one command of hub.py and gives what it printed. */
export function hubPy(python: string, env: NodeJS.ProcessEnv, ...args: string[]): Promise<unknown> {
  const quiet = { HF_HUB_DISABLE_PROGRESS_BARS: "1", HF_HUB_DISABLE_TELEMETRY: "1" };
  return runPy(python, "hub.py", args, { ...withoutHub(process.env), ...quiet, ...env });
}

/** Runs one command of onnx_check.py and gives what it printed. */
export function onnxPy(python: string, ...args: string[]): Promise<unknown> {
  return runPy(python, "onnx_check.py", args, process.env);
}

/** Runs one command of checkpoint.py and gives what it printed. */
export function checkpointPy(python: string, ...args: string[]): Promise<unknown> {
  return runPy(python, "checkpoint.py", args, process.env);
}

/** Runs one command of train_check.py and gives what it printed. */
export function trainPy(python: string, ...args: string[]): Promise<unknown> {
  return runPy(python, "train_check.py", args, process.env);
}

/** Runs one command of shipped_check.py and gives what it printed. */
export function shippedPy(python: string, ...args: string[]): Promise<unknown> {
  return runPy(python, "shipped_check.py", args, process.env);
}

function runPy(python: string, script: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<unknown> {
  const child = spawn(python, [scriptOf(script), ...args], { env });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve(JSON.parse(Buffer.concat(out).toString()));
      else
        reject(
          new Error(`${script} ${args.join(" ")} ended with ${status}: ${Buffer.concat(err).toString().slice(-2000)}`),
        );
    });
  });
}

/** The environment without what would send a client elsewhere: hub settings and proxies. */
function withoutHub(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(HF_|HUGGING_?FACE|TRANSFORMERS_)|_proxy$/i.test(name)),
  );
}

/** Under `npm run interop`, writes down what was run: with which versions, and the titles of the tests that passed. */
export function record(name: string, versions: unknown, passed: readonly string[]): void {
  if (process.env.VITRAIL_RECORD !== "1") return;
  const file = fileURLToPath(new URL(`results/${name}.json`, import.meta.url));
  writeFileSync(file, `${JSON.stringify({ node: process.version, ...(versions as object), passed }, null, 2)}\n`);
}
