import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { shared } from "@repo/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { bundleCommand } from "./bundle.ts";
import { run } from "./run.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const photos = at("../photos");
const vit = shared("hub/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k");

let out: string;
beforeAll(async () => {
  out = await bundleCommand(".vitrail-readme");
});

/** What a README shows of runs: a block that begins with a prompt, as its command and what that printed. */
function runsIn(readme: string): { readonly command: string; readonly printed: string }[] {
  const text = readFileSync(at(readme), "utf8");
  return [...text.matchAll(/^```(?:console)?\n\$ (.*)\n([\s\S]*?)^```/gm)].map(([, command, printed]) => ({
    command: command as string,
    printed: printed as string,
  }));
}

/** The same to the letter; of a percentage the last digit may be its neighbour, for processors round a sum differently. */
function expectPrinted(found: string, stated: string): void {
  const percentage = /\d+\.\d\d(?= %)/g;
  const words = (text: string) => text.replace(percentage, (figure) => "#".repeat(figure.length));
  const figures = (text: string) => (text.match(percentage) ?? []).map(Number);
  if (words(found) !== words(stated)) expect(found).toBe(stated);
  for (const [i, figure] of figures(found).entries()) {
    if (Math.abs(figure - (figures(stated)[i] as number)) > 0.0101) expect(found).toBe(stated);
  }
}

test("the demo prints what the README's first screen shows", async () => {
  const [first] = runsIn("../../../README.md");
  expect(first?.command).toBe("npm run demo");
  const { status, stdout } = await run(join(out, "demo.js"), []);
  expect(status).toBe(0);
  expectPrinted(stdout, first?.printed as string);
});

describe.skipIf(!vit)("with the default model (skipped without ../shared/hub)", () => {
  for (const [readme, path] of [
    ["README.md", "../../../README.md"],
    ["apps/cli/README.md", "../README.md"],
  ] as const) {
    const runs = runsIn(path).filter(({ command }) => command.startsWith("vitrail classify "));
    test(`${readme} shows what vitrail classify prints`, async () => {
      expect(runs.length).toBeGreaterThan(0);
      for (const { command, printed } of runs) {
        const args = command.split(" ").slice(1);
        for (const name of args.filter((arg) => /\.(png|jpg)$/.test(arg)))
          expect(existsSync(join(photos, name))).toBe(true);
        // No test asks a hub: the same weights, from a folder, unless the command names others.
        const weights = args.includes("--weights") ? [] : ["--weights", vit as string];
        const { stdout } = await run(join(out, "vitrail.js"), [...args, ...weights], { cwd: photos });
        expectPrinted(stdout, printed);
      }
    });
  }
});
