import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { locked } from "./lock.mjs";
import { npmCommand, root, run, SetupError } from "./process.mjs";
import { digest, readStamp, workspaceFolders, writeStamp } from "./stamp.mjs";

const wantedPnpm = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).packageManager; // pnpm@x.y.z
const pnpmFolder = join(root, ".vitrail", wantedPnpm.replace("@", "-"));
const pnpmFile = join(pnpmFolder, "node_modules/pnpm/bin/pnpm.cjs");

/** The pinned pnpm as [program, ...arguments] for `run`; `ensureInstalled` brings it in. */
export const pnpmCommand = [process.execPath, pnpmFile];

/** An environment in which tools that look for pnpm on the PATH (turbo, changesets) find the pinned one. */
export function pnpmEnv() {
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1" };
  delete env.NODE_ENV; // "production" would leave out the development tools
  delete env.npm_config_loglevel; // `npm run -s` would silence the reason of a failure too
  const key = Object.keys(env).find((name) => name.toUpperCase() === "PATH") ?? "PATH"; // "Path" on Windows
  env[key] = [join(pnpmFolder, "node_modules/.bin"), env[key]].filter(Boolean).join(delimiter);
  return env;
}

/** Brings in pnpm and the dependencies, unless a run before saw the same lockfile, manifests and Node. */
export async function ensureInstalled() {
  if (readStamp("install") === key() && existsSync(pnpmFile)) return;
  await locked(async () => {
    if (!existsSync(pnpmFile)) await bringPnpm();
    const wanted = key();
    if (readStamp("install") === wanted) return; // another process did it while we waited
    console.error("Set-up: installing the dependencies (the first time, a minute or two)");
    const args = ["install", "--frozen-lockfile", "--reporter=append-only", "--config.confirmModulesPurge=false"];
    const { status, output } = await run([...pnpmCommand, ...args], { env: pnpmEnv(), quiet: true });
    if (status !== 0) throw new SetupError(explain("installing the dependencies", status, output));
    writeStamp("install", wanted);
  });
}

function key() {
  const manifests = [root, ...workspaceFolders("packages", "apps", "tooling")].map((folder) =>
    join(folder, "package.json"),
  );
  const files = [join(root, "pnpm-lock.yaml"), join(root, "pnpm-workspace.yaml"), ...manifests];
  return digest(files, process.versions.node.split(".")[0], process.platform, process.arch);
}

/** Installs the pinned pnpm into this checkout, where no other project sees it. */
async function bringPnpm() {
  console.error(`Set-up: bringing in ${wantedPnpm}`);
  rmSync(pnpmFolder, { recursive: true, force: true });
  mkdirSync(pnpmFolder, { recursive: true });
  writeFileSync(join(pnpmFolder, "package.json"), '{ "private": true }\n'); // npm installs here and looks no further up
  const quick = ["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=10000"];
  const args = [
    "install",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--no-save",
    "--no-package-lock",
    "--loglevel=error",
  ];
  const where = [`--prefix=${pnpmFolder}`, "--global=false"];
  const { status, output } = await run([...npmCommand(), ...args, ...quick, ...where, wantedPnpm], {
    cwd: pnpmFolder,
    quiet: true,
  });
  if (status !== 0 || !existsSync(pnpmFile)) throw new SetupError(explain(`bringing in ${wantedPnpm}`, status, output));
}

const unreachable =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|META_FETCH_FAIL|network request .* failed|CERT/i;

function explain(step, status, output) {
  const again = "then run the same command again: it goes on where it stopped.";
  if (/OUTDATED_LOCKFILE/.test(output)) {
    return `Set-up stopped at ${step}: pnpm-lock.yaml does not fit the package.json files. Run "npx ${wantedPnpm} install" and commit the lockfile.`;
  }
  if (unreachable.test(output)) {
    return `Set-up stopped at ${step}: the npm registry cannot be reached. Check the network, and the proxy and registry in "npm config list", ${again}`;
  }
  if (/ENOSPC/.test(output)) return `Set-up stopped at ${step}: the disk is full. Make room (about 1 GB), ${again}`;
  return `Set-up stopped at ${step} (status ${status}): the reason stands above. Mend it, ${again}`;
}
