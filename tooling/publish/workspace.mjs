import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { pnpmCommand, pnpmEnv } from "../setup/install.mjs";
import { npmCommand, root } from "../setup/process.mjs";
import { workspaceFolders } from "../setup/stamp.mjs";

const execute = promisify(execFile);

/** The members of the workspace that are published, as { name, folder (from the root), manifest }. */
export function publishedPackages(top = root) {
  return workspaceFolders("packages", "apps")
    .map((folder) => relative(root, folder))
    .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(join(top, folder, "package.json"), "utf8")) }))
    .filter(({ manifest }) => manifest.private !== true)
    .map(({ folder, manifest }) => ({ name: manifest.name, folder, manifest }));
}

/** Packs every published package as the registry would get it; returns the tarballs by package name. */
export async function packAll(destination) {
  const tarballs = new Map();
  for (const { name, folder, manifest } of publishedPackages()) {
    await succeed([...pnpmCommand, "pack", "--pack-destination", destination], {
      cwd: join(root, folder),
      env: pnpmEnv(),
    });
    tarballs.set(name, join(destination, `${name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`));
  }
  return tarballs;
}

/** An environment without the settings that an npm or pnpm around this process hands down, and with those given. */
export function plainEnv(more = {}) {
  const kept = Object.entries(pnpmEnv()).filter(([name]) => !/^(npm|pnpm)_|^INIT_CWD$|^NODE_ENV$/i.test(name));
  return { ...Object.fromEntries(kept), npm_config_audit: "false", npm_config_fund: "false", ...more };
}

/** Runs a command that has to end with 0 and gives its stdout; what it said is shown only where it fails. */
export async function succeed([program, ...args], { cwd = root, env = process.env } = {}) {
  try {
    const { stdout } = await execute(program, args, { cwd, env, maxBuffer: 1e8 });
    return stdout;
  } catch (error) {
    process.stderr.write(`${error.stdout ?? ""}${error.stderr ?? ""}`);
    throw new Error(`"${args.slice(-4).join(" ")}" in ${cwd} ended with ${error.code ?? error.signal}`);
  }
}

/** npm, with the environment of `plainEnv`. */
export const npm = (args, { cwd, env = plainEnv() }) => succeed([...npmCommand(), ...args], { cwd, env });
