import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pnpmCommand } from "../setup/install.mjs";
import { binOf, root } from "../setup/process.mjs";
import { plainEnv, publishedPackages, succeed } from "./workspace.mjs";

/** A copy of this checkout, as a git repository of its own, that versions and publishes to the registry of `env`. */
export class ReleaseCopy {
  constructor(folder, env) {
    this.folder = folder;
    this.env = env;
  }

  /** Copies all that git tracks or would, and the built dist folders, and installs what changesets needs. */
  async create() {
    const list = await succeed(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    const dists = publishedPackages().map(({ folder }) => join(folder, "dist"));
    for (const path of [...list.split("\0"), ...dists].filter((path) => path !== "" && existsSync(join(root, path)))) {
      mkdirSync(dirname(join(this.folder, path)), { recursive: true });
      cpSync(join(root, path), join(this.folder, path), { recursive: true });
    }
    for (const { folder, manifest } of publishedPackages(this.folder)) {
      delete manifest.publishConfig.provenance; // only a hosted runner can sign it
      writeFileSync(join(this.folder, folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
    }
    await this.git("init", "--quiet", "--initial-branch=main");
    await this.commit("Start");
    const install = ["install", "--frozen-lockfile", "--prefer-offline", "--ignore-scripts"];
    await succeed([...pnpmCommand, ...install], { cwd: this.folder, env: plainEnv() });
  }

  /** `changeset version`, a commit, `changeset publish`; gives the names of the packages whose version moved. */
  async release(message) {
    const before = this.versions();
    await this.changeset("version");
    await this.commit(message);
    await this.changeset("publish");
    return changed(before, this.versions());
  }

  /** Releases a change of one package alone. */
  async releaseOne(name, size) {
    const text = `---\n"${name}": ${size}\n---\n\nA rehearsed change.\n`;
    writeFileSync(join(this.folder, ".changeset/rehearsed.md"), text);
    return this.release(`Release a ${size} of ${name}`);
  }

  versions() {
    return new Map(publishedPackages(this.folder).map(({ name, manifest }) => [name, manifest.version]));
  }

  changeset(command) {
    const file = binOf("@changesets/cli", "changeset");
    return succeed([process.execPath, file, command], { cwd: this.folder, env: this.env });
  }

  git(...args) {
    const who = ["-c", "user.name=rehearsal", "-c", "user.email=rehearsal@localhost"];
    return succeed(["git", ...who, ...args], { cwd: this.folder, env: this.env });
  }

  async commit(message) {
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--allow-empty", "--no-verify", "--no-gpg-sign", "--message", message);
  }

  /** Checks that the registry has what the copy versioned, and that no published manifest names the workspace. */
  async checkPublished(url) {
    const versions = this.versions();
    for (const [name, version] of versions) {
      const answer = await (await fetch(`${url}${name.replace("/", "%2f")}`)).json();
      assert.equal(answer["dist-tags"]?.latest, version, `the registry's version of ${name}`);
      const { dependencies = {}, peerDependencies = {} } = answer.versions[version];
      for (const [dependency, range] of Object.entries({ ...dependencies, ...peerDependencies })) {
        assert.doesNotMatch(range, /^(workspace|catalog|file|link):/, `${name} needs ${dependency}@${range}`);
      }
    }
  }
}

/** The names whose version is not what it was. */
export const changed = (before, after) =>
  [...after.keys()].filter((name) => before.get(name) !== after.get(name)).sort();
