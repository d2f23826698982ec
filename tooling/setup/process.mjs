import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root. */
export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

/** Where the user stood when they called npm: relative photo paths start there. */
export function userFolder() {
  // npm runs a script in the package's root and leaves the caller's folder in INIT_CWD; elsewhere that name is an outer npm's.
  return resolve(process.cwd()) === root && process.env.INIT_CWD ? process.env.INIT_CWD : process.cwd();
}

/** A set-up step that failed, with a message fit to be shown alone. */
export class SetupError extends Error {
  name = "SetupError";
}

/** The JavaScript file behind a command of an installed package: run with node itself, so no shell and no .cmd file is involved. */
export function binOf(name, command = name.split("/").pop(), from = root) {
  const folder = join(from, "node_modules", name);
  const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return join(folder, typeof bin === "string" ? bin : bin[command]);
}

/** npm as [program, ...arguments] for `run`. */
export function npmCommand() {
  const beside = dirname(process.execPath);
  const candidates = [
    process.env.npm_execpath,
    join(beside, "node_modules/npm/bin/npm-cli.js"), // Windows
    join(beside, "../lib/node_modules/npm/bin/npm-cli.js"),
    join(beside, "../share/nodejs/npm/bin/npm-cli.js"), // Debian
  ];
  const file = candidates.find((path) => path !== undefined && /npm-cli\.[cm]?js$/.test(path) && existsSync(path));
  return file === undefined ? ["npm"] : [process.execPath, file];
}

/**
 * Runs a program to its end and gives its status; a signal that ended it ends this process too.
 * With `quiet`, both its streams go to stderr and their last 20,000 characters come back as `output`.
 */
export async function run([program, ...args], { cwd = root, env = process.env, quiet = false } = {}) {
  const shell = process.platform === "win32" && program === "npm"; // npm is a .cmd there; the arguments are our own words
  const child = spawn(program, args, { cwd, env, shell, stdio: quiet ? ["ignore", "pipe", "pipe"] : "inherit" });
  let output = "";
  for (const stream of quiet ? [child.stdout, child.stderr] : []) {
    stream.setEncoding("utf8");
    stream.on("data", (text) => {
      output = (output + text).slice(-20_000);
      process.stderr.write(text);
    });
  }
  const hold = () => {}; // a terminal sends Ctrl-C to the child as well: let it end first
  const pass = (signal) => child.kill(signal);
  process.on("SIGINT", hold);
  process.on("SIGTERM", pass);
  try {
    const [status, signal] = await new Promise((done, fail) => {
      child.on("error", fail);
      child.on("close", (...end) => done(end));
    });
    process.off("SIGINT", hold);
    process.off("SIGTERM", pass);
    if (signal !== null) {
      process.kill(process.pid, signal);
      return { status: 1, output };
    }
    return { status, output };
  } finally {
    process.off("SIGINT", hold);
    process.off("SIGTERM", pass);
  }
}
