// Compiles resample.wat, jpeg.as and augment.as into src/:  node packages/data/wasm/build.mjs
// Needs the npm registry (wabt and AssemblyScript, pinned), which the build and the tests do not: the results are committed.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "kernels-"));
const npx = process.platform === "win32" ? "npx.cmd" : "npx";

function write(from, name, to) {
  const text = readFileSync(join(folder, "out.wasm")).toString("base64");
  const source = `// Written by wasm/build.mjs from wasm/${from}; do not edit.

/** The assembled module, in base64. */
export const ${name}: string =
  "${text}";
`;
  writeFileSync(here(`../src/${to}`), source);
}

const out = join(folder, "out.wasm");
execFileSync(npx, ["--yes", "-p", "wabt@1.0.39", "wat2wasm", here("resample.wat"), "-o", out], { stdio: "inherit" });
write("resample.wat", "RESAMPLE_WASM", "resample-binary.ts");

const options = ["--runtime", "stub", "-O3", "--noAssert", "--enable", "simd", "-o", "out.wasm"];
for (const [from, name, to] of [
  ["jpeg.as", "JPEG_WASM", "jpeg/binary.ts"],
  ["augment.as", "AUGMENT_WASM", "augment/binary.ts"],
]) {
  copyFileSync(here(from), join(folder, "in.ts")); // its compiler wants that ending, which here means TypeScript
  execFileSync(npx, ["--yes", "-p", "assemblyscript@0.28.9", "asc", "in.ts", ...options], {
    cwd: folder,
    stdio: "inherit",
  });
  write(from, name, to);
}
rmSync(folder, { recursive: true });
