import { spawn } from "node:child_process";
import { mkdirSync, openSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { binOf } from "../setup/process.mjs";
import { npm } from "./workspace.mjs";

/**
 * An npm registry on loopback: it holds our packages alone and asks the user's own registry for everything else.
 * Gives { url, env, close }; npm, pnpm and changesets run with `env` publish to it and install from it.
 */
export async function startRegistry(folder) {
  mkdirSync(folder, { recursive: true });
  const upstream = (await npm(["config", "get", "registry"], { cwd: folder, env: process.env })).trim();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const ours = { access: "$all", publish: "$all", unpublish: "$all" }; // no proxy: the name on the public registry is never asked for
  const config = {
    storage: join(folder, "storage"),
    auth: { htpasswd: { file: join(folder, "htpasswd") } },
    uplinks: { upstream: { url: upstream, timeout: "60s", cache: false } },
    packages: { "@vitrail/*": ours, vitrail: ours, "**": { access: "$all", proxy: "upstream" } },
    web: { enable: false },
    max_body_size: "100mb",
    log: { type: "stdout", format: "pretty", level: "warn" },
  };
  const file = join(folder, "config.yaml");
  writeFileSync(file, JSON.stringify(config, null, 2)); // JSON is YAML
  const npmrc = join(folder, "npmrc");
  writeFileSync(npmrc, `registry=${url}\n//127.0.0.1:${port}/:_authToken=rehearsal\n`);
  const log = openSync(join(folder, "log.txt"), "w");
  const server = spawn(process.execPath, [binOf("verdaccio"), "--config", file, "--listen", `127.0.0.1:${port}`], {
    cwd: folder,
    stdio: ["ignore", log, log],
  });
  const close = () => server.kill();
  process.on("exit", close);
  await answering(`${url}-/ping`, server, join(folder, "log.txt"));
  const env = { npm_config_registry: url, npm_config_userconfig: npmrc, npm_config_cache: join(folder, "cache") };
  return { url, env, close };
}

async function answering(url, server, log) {
  for (let i = 0; i < 240; i++) {
    if (server.exitCode !== null) break;
    const ok = await fetch(url).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ok) return;
    await new Promise((done) => setTimeout(done, 250));
  }
  throw new Error(`the registry on loopback did not start: see ${log}`);
}

const freePort = () =>
  new Promise((done, fail) => {
    const probe = createServer();
    probe.on("error", fail);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
