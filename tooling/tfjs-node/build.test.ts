import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildFolder, findTfjsNode } from "@repo/tfjs-node";
import { afterAll, describe, expect, test } from "vitest";

const home = mkdtempSync(join(tmpdir(), "vitrail-tfjs-node-"));
afterAll(() => rmSync(home, { recursive: true }));

function build(name: string, env: NodeJS.ProcessEnv = {}) {
  const script = fileURLToPath(new URL("build.mjs", import.meta.url));
  const target = join(home, name);
  const { status, stderr } = spawnSync(process.execPath, [script], {
    env: { ...process.env, VITRAIL_TFJS_NODE: target, ...env },
    encoding: "utf8",
  });
  return { status, target, last: stderr.trimEnd().split("\n").at(-1) };
}

describe("npm run tfjs-node", () => {
  const elsewhere = process.platform !== "linux" || process.arch !== "x64";

  test("says in one line why it can't build, and leaves nothing behind", () => {
    const { status, target, last } = build("absent", { PYTHON: "no-such-python" });
    expect(status).toBe(1);
    expect(last).toBe(
      elsewhere
        ? `tfjs-node can't be built: expected linux x64, found ${process.platform} ${process.arch}.`
        : "tfjs-node can't be built: downloading tensorflow-cpu==2.21.0 (274 MB) failed (no-such-python is not installed).",
    );
    expect(existsSync(target)).toBe(false);
    expect(readdirSync(home)).toEqual([]);
  });

  test.skipIf(elsewhere)("keeps its hands off a folder that holds something else", () => {
    const photos = join(home, "photos");
    mkdirSync(photos);
    writeFileSync(join(photos, "cat.jpg"), "");
    const { status, last } = build("photos");
    expect(status).toBe(1);
    expect(last).toBe(`${photos} is not empty and holds no build: remove it, or set VITRAIL_TFJS_NODE to another.`);
    expect(readdirSync(photos)).toEqual(["cat.jpg"]);
    rmSync(photos, { recursive: true });
  });

  test("is not done again where there is a build", () => {
    const built = join(home, "built");
    mkdirSync(built);
    writeFileSync(join(built, "built.json"), "{}");
    const { status, last } = build("built", { PYTHON: "no-such-python" });
    expect(status).toBe(0);
    expect(last).toBe(`tfjs-node is built already: ${built} (to build it anew, remove that folder)`);
  });
});

test("a build is looked for where VITRAIL_TFJS_NODE says, else in the user's cache, and its absence has a reason", () => {
  expect(buildFolder({ VITRAIL_TFJS_NODE: home })).toBe(home);
  const inCache = buildFolder({ XDG_CACHE_HOME: home });
  expect(inCache).toBe(join(home, "vitrail", "tfjs-node-4.22.0-tensorflow-2.21.0"));
  expect(findTfjsNode(inCache)).toEqual({ reason: "not built: npm run tfjs-node builds it, on Linux x64" });
});
