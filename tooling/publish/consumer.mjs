import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { npm, plainEnv, succeed } from "./workspace.mjs";

/** An empty npm project, as a stranger's would be. */
export class Consumer {
  constructor(folder, env = plainEnv()) {
    this.folder = folder;
    this.env = env;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  }

  npm(...args) {
    return npm(args, { cwd: this.folder, env: this.env });
  }

  /** Runs a JavaScript file and gives what it printed. */
  node(...args) {
    return succeed([process.execPath, ...args], { cwd: this.folder, env: this.env });
  }

  /** Runs a JavaScript file that may end as it likes, and gives its status and what it printed. */
  ends(...args) {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: this.folder,
      env: this.env,
      encoding: "utf8",
    });
    return { status, stdout, stderr };
  }

  /** Name and version of every package below node_modules/ (not of those nested deeper). */
  installed() {
    const top = join(this.folder, "node_modules");
    const names = readdirSync(top).filter((name) => !name.startsWith("."));
    const all = names.flatMap((name) =>
      name.startsWith("@") ? readdirSync(join(top, name)).map((inner) => `${name}/${inner}`) : [name],
    );
    return new Map(
      all.map((name) => [name, JSON.parse(readFileSync(join(top, name, "package.json"), "utf8")).version]),
    );
  }
}
