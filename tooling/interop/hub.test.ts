import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type StubFiles, type StubHub, sha256, startStubHub } from "@repo/testing";
import { encodeSafetensors } from "@vitrail/checkpoint";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { findPython, hubPy, record } from "./python.ts";

const python = findPython();

const model = encodeSafetensors([["w", { shape: [3], float32: () => Float32Array.of(1, 2, 3) }]]);
const config = JSON.stringify({ architecture: "resnet18", num_classes: 3 });
const files: StubFiles = { "config.json": config, "model.safetensors": model, "sub/notes.txt": "notes" };

let hub: StubHub;
let home = "";
beforeAll(async () => {
  hub = await startStubHub({
    "org/model": { revisions: { main: files, "refs/pr/1": { ...files, "config.json": `${config}\n` } } },
    "org/gated": { revisions: { main: files }, access: { kind: "gated", token: "hf_right" } },
    "org/private": { revisions: { main: files }, access: { kind: "private", token: "hf_right" } },
  });
  home = mkdtempSync(join(tmpdir(), "vitrail-interop-"));
});
const passed: string[] = [];
afterEach(({ task }) => {
  if (task.result?.state !== "fail") passed.push(task.name);
});
afterAll(async () => {
  if (python) record("hub", await hubPy(python, {}, "version"), passed);
  await hub.close();
  rmSync(home, { recursive: true });
});

const hashes = Object.fromEntries(Object.entries(files).map(([path, content]) => [path, sha256(Buffer.from(content))]));
const at = (cache: string, more: NodeJS.ProcessEnv = {}) => ({
  HF_ENDPOINT: hub.endpoint,
  HF_HOME: join(home, cache),
  ...more,
});
const py = (env: NodeJS.ProcessEnv, ...args: string[]) => hubPy(python as string, env, ...args);

describe.skipIf(!python)("Python's hub client against the stub (skipped without Python's huggingface_hub)", () => {
  test("takes a whole repository, of main and of a revision with slashes", async () => {
    expect(await py(at("stub"), "snapshot", "org/model")).toEqual({ commit: hub.commit("org/model"), files: hashes });
    const pr = await py(at("stub"), "snapshot", "org/model", "refs/pr/1");
    expect(pr).toMatchObject({ commit: hub.commit("org/model", "refs/pr/1") });
    expect(await py(at("stub"), "scan")).toMatchObject({ warnings: [] });
    expect(await py(at("stub"), "verify")).toEqual({ mismatches: [] });
  });

  test("takes a file, and names each error as the hub's own", async () => {
    const errors: [string[], unknown][] = [
      [["org/model", "config.json"], { commit: hub.commit("org/model"), sha256: hashes["config.json"], link: true }],
      [["org/model", "absent.json"], { error: "RemoteEntryNotFoundError" }],
      [["org/model", "config.json", "absent"], { error: "RevisionNotFoundError" }],
      [["org/absent", "config.json"], { error: "RepositoryNotFoundError" }],
      [["org/private", "config.json"], { error: "RepositoryNotFoundError" }],
      [["org/gated", "config.json"], { error: "GatedRepoError" }],
    ];
    for (const [args, answer] of errors) expect(await py(at("errors"), "file", ...args)).toEqual(answer);
    const token = at("errors", { HF_TOKEN: "hf_right" });
    expect(await py(token, "file", "org/gated", "model.safetensors")).toMatchObject({
      sha256: hashes["model.safetensors"],
    });
    const leaked = hub.requests.filter((request) => request.at === "cdn" && request.headers.authorization);
    expect(leaked).toEqual([]);
  });
});
