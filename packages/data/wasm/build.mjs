// Assembles resample.wat into src/resample-binary.ts:  node packages/data/wasm/build.mjs
// Needs the npm registry (wabt, pinned), which the build and the tests do not: the result is committed.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "resample-"));
const out = join(folder, "resample.wasm");
const npx = process.platform === "win32" ? "npx.cmd" : "npx";
execFileSync(npx, ["--yes", "-p", "wabt@1.0.39", "wat2wasm", here("resample.wat"), "-o", out], { stdio: "inherit" });
const text = readFileSync(out).toString("base64");
rmSync(folder, { recursive: true });
const source = `// Written by wasm/build.mjs from wasm/resample.wat; do not edit.

/** The assembled module, in base64. */
export const RESAMPLE_WASM: string =
  "${text}";
`;
writeFileSync(here("../src/resample-binary.ts"), source);
