import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { bundle } from "./bundle.ts";
import { callsAtTop, exportsOf } from "./declared.ts";
import { installedWith } from "./installed.ts";
import { limits } from "./limits.ts";

// On the built packages: what is measured is what is published.
const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const declarations = limits
  .flatMap(({ folder, entries }) => entries.map(({ file }) => at(`${folder}/dist/${file.replace(".js", ".d.ts")}`)))
  .filter((file) => existsSync(file));
let exported: ReadonlyMap<string, string> | undefined;

test("every published package that holds code has its limits (tooling/size/limits.ts)", () => {
  const published = readdirSync(at("packages"))
    .filter((name) => existsSync(at(`packages/${name}/package.json`)))
    .filter((name) => JSON.parse(readFileSync(at(`packages/${name}/package.json`), "utf8")).exports["."] !== undefined);
  expect(limits.map(({ folder }) => folder).sort()).toEqual(published.map((name) => `packages/${name}`).sort());
});

const weights = readdirSync(at("packages")).filter((name) => existsSync(at(`packages/${name}/model.safetensors`)));
for (const name of weights) {
  test(`packages/${name} stays below 4 MB, all that is published together`, () => {
    const { files } = JSON.parse(readFileSync(at(`packages/${name}/package.json`), "utf8")) as { files: string[] };
    const sizes = files.filter((file) => existsSync(at(`packages/${name}/${file}`))).map((file) => sizeOf(name, file));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(4e6);
  });
}

function sizeOf(name: string, path: string): number {
  const found = statSync(at(`packages/${name}/${path}`));
  if (!found.isDirectory()) return found.size;
  const inside = readdirSync(at(`packages/${name}/${path}`));
  return inside.reduce((sum, file) => sum + sizeOf(name, `${path}/${file}`), 0);
}

for (const { folder, entries, workspace, mustNotAppear } of limits) {
  const { name } = JSON.parse(readFileSync(at(`${folder}/package.json`), "utf8"));

  describe(name, () => {
    test("brings in no package but those that it may", () => {
      const names = [...installedWith(at(folder))];
      expect(names.filter((one) => mustNotAppear.some((pattern) => pattern.test(one)))).toEqual([]);
      expect(names.filter((one) => one.startsWith("@vitrail/")).sort()).toEqual(workspace);
    });
  });

  for (const { file, platform, own, whole, mustNotAppear: here = [] } of entries) {
    const entry = at(`${folder}/dist/${file}`);
    const types = entry.replace(".js", ".d.ts");
    const missing = !declarations.includes(types);

    describe.skipIf(missing)(`${name} ${file}${missing ? " (not built: npm run build)" : ""}`, () => {
      test(`stays below ${own} bytes alone`, async () => {
        expect((await bundle(entry, platform, { own: true })).bytes).toBeLessThanOrEqual(own);
      });

      test(`stays below ${whole} bytes with all that it loads, and imports nothing that must not appear`, async () => {
        const { bytes, imports } = await bundle(entry, platform, { own: false });
        expect(bytes).toBeLessThanOrEqual(whole);
        const wrong = [...imports].filter(([one]) => [...mustNotAppear, ...here].some((pattern) => pattern.test(one)));
        // An engine that the user may have installed is tried by import() and never loaded at once.
        const engine = /^@tensorflow\/tfjs-/;
        expect(wrong.filter(([one, when]) => when === "at once" || !engine.test(one))).toEqual([]);
      });

      test("calls nothing while it is imported", async () => {
        const { code } = await bundle(entry, platform, { own: true, minify: false });
        expect(callsAtTop(code)).toEqual([]);
      });

      test("exports what its list says (npx vitest run tooling/size -u writes the list)", async () => {
        exported ??= exportsOf(declarations);
        const list = `exports/${name.split("/").pop()}${file === "index.js" ? "" : `.${file.replace(".js", "")}`}.txt`;
        await expect(exported.get(types)).toMatchFileSnapshot(list);
      });
    });
  }
}
