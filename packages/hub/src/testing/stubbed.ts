import { mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Fault, type StubFiles, type StubHub, type StubRequest, startStubHub } from "@repo/testing";
import { encodeSafetensors } from "@vitrail/checkpoint";
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from "vitest";
import type { OpenOptions } from "../weights.ts";

const numbers = Float32Array.from({ length: 50_000 }, (_, i) => i / 7);
/** A checkpoint of 200 kB: several chunks on the wire. */
export const model = encodeSafetensors([["w", { shape: [50_000], float32: () => numbers }]]);
export const config = JSON.stringify({ architecture: "resnet18", num_classes: 2, label_names: ["a", "b"] });
export const files: StubFiles = { "config.json": config, "model.safetensors": model, "README.md": "a model" };

/** A stub hub and a fresh cache for each test of a file; the environment's own settings are out of the way. */
export function stubbed() {
  const at = {} as { hub: StubHub; home: string; cache: string };
  beforeAll(async () => {
    at.hub = await startStubHub({});
  });
  afterAll(() => at.hub.close());
  beforeEach(() => {
    for (const name of Object.keys(process.env)) {
      if (/^(HF_|HUGGING_?FACE|TRANSFORMERS_|XDG_CACHE)|_proxy$/i.test(name)) vi.stubEnv(name, undefined);
    }
    at.home = mkdtempSync(join(realpathSync(tmpdir()), "vitrail-hub-"));
    at.cache = join(at.home, "hub");
    vi.stubEnv("HF_HOME", at.home);
    vi.stubEnv("HF_ENDPOINT", at.hub.endpoint);
    at.hub.fault = undefined;
    at.hub.requests.length = 0;
    for (const name of Object.keys(at.hub.repos)) delete at.hub.repos[name];
    at.hub.repos["org/model"] = { revisions: { main: files } };
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(at.home, { recursive: true, force: true });
  });
  return at;
}

/** So that nothing waits: repetitions after a millisecond, lost connections after a quarter of a second. */
export const quick: OpenOptions = { retryDelay: 1, stallTimeout: 250, connectTimeout: 1000 };

export const failing = (code: string, message: RegExp) =>
  expect.objectContaining({ name: "HubError", code, message: expect.stringMatching(message) });

/** Every file below a folder, in order. */
export function below(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) =>
        join(entry.parentPath, entry.name)
          .slice(folder.length + 1)
          .replaceAll("\\", "/"),
      )
      .sort();
  } catch {
    return [];
  }
}

/** Goes wrong for the first `times` requests that match. */
export function first(times: number, fault: Fault, when: (request: StubRequest) => boolean = () => true) {
  let left = times;
  return (request: StubRequest): Fault | undefined => (when(request) && left-- > 0 ? fault : undefined);
}

export const isBody = (request: StubRequest): boolean => request.at === "cdn" && request.method === "GET";
