import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findTfjsNode, packageFolder } from "@repo/tfjs-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const { reason } = findTfjsNode();
const tensor = fileURLToPath(new URL("../../packages/tensor", import.meta.url));
const notBuilt = existsSync(join(tensor, "dist/index.js")) ? reason : "packages/tensor is not built: npm run build";

/** What a program of a user's does. */
const program = `
import { conv2d, grads, ones, relu, sum, tensor, topk, useBackend } from "@vitrail/tensor";
const report = await useBackend("auto");
const { values } = topk(tensor([1, 3, 2]), 2); // calls what Node 23 removed from node:util
const slopes = grads((x, w) => sum(relu(conv2d(x, w, 2, "valid"))))([ones([1, 8, 8, 1]), ones([1, 1, 1, 1])]);
await useBackend("cpu");
await useBackend("tfjs-node");
console.log(JSON.stringify({ report, values: [...values.dataSync()], slope: slopes[1].dataSync()[0] }));
`;

describe.skipIf(notBuilt !== undefined)(
  `in a project where tfjs-node is installed${notBuilt ? ` (${notBuilt})` : ""}`,
  () => {
    const project = mkdtempSync(join(tmpdir(), "vitrail-installed-"));
    afterAll(() => rmSync(project, { recursive: true }));
    beforeAll(() => {
      const at = (name: string) => join(project, "node_modules", name);
      for (const scope of ["@vitrail/tensor", "@tensorflow"]) mkdirSync(at(scope), { recursive: true });
      writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }');
      writeFileSync(join(project, "program.js"), program);
      for (const part of ["dist", "package.json"])
        cpSync(join(tensor, part), join(at("@vitrail/tensor"), part), { recursive: true });
      const linked = ["tfjs-core", "tfjs-backend-cpu", "tfjs-backend-wasm"].map((name) =>
        join(tensor, "node_modules/@tensorflow", name),
      );
      for (const folder of [...linked, packageFolder()])
        symlinkSync(realpathSync(folder), at(`@tensorflow/${folder.split("/").pop()}`));
    });

    const run = (node: string) => {
      const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(TF_|NODE_|VITEST)/.test(name)));
      const { stdout, stderr } = spawnSync(node, ["program.js"], { cwd: project, env, encoding: "utf8" });
      return { stderr, found: stdout && JSON.parse(stdout) };
    };
    const expected = {
      report: {
        name: "tfjs-node",
        reason: "the fastest that works here: tfjs-node-gpu is not installed",
        tried: [
          {
            name: "tfjs-node-gpu",
            reason: "backend tfjs-node-gpu is not installed: run npm install @tensorflow/tfjs-node-gpu@4.22.0",
          },
        ],
      },
      values: [3, 2],
      slope: 16,
    };

    test(`auto takes it, says which and why, and prints nothing, on Node ${process.versions.node}`, () => {
      expect(run(process.execPath)).toEqual({ stderr: "", found: expected });
    });

    test("auto takes it on Node 24 too, mended", ({ skip }) => {
      const npx = join(dirname(process.execPath), "npx");
      const which = ["--yes", "--package=node@24", "node", "-p", "process.execPath"];
      const { status, stdout } = spawnSync(npx, which, { cwd: project, encoding: "utf8" });
      skip(status !== 0, "npx can't bring Node 24 here");
      expect(run(stdout.trim())).toEqual({ stderr: "", found: expected });
    });
  },
);
