import { existsSync, mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { gitBlobSha1, sha256 } from "@repo/testing";
import { encodeSafetensors } from "@vitrail/checkpoint";
import { expect, test } from "vitest";
import { downloadWeights, listCache, openWeights, pruneCache, verifyCache } from "./index.ts";
import { below, config, files, model, quick, stubbed } from "./testing/stubbed.ts";

const at = stubbed();
const repo = () => join(at.cache, "models--org--model");
const blob = () => join(repo(), "blobs", sha256(model));
/** As if it had been there for a day. */
function age(...paths: string[]): void {
  for (const path of paths) utimesSync(path, new Date(), new Date(Date.now() - 86_400_000));
}
function ageAll(): void {
  for (const file of below(at.home)) if (existsSync(join(at.home, file))) age(join(at.home, file));
  for (const { revisions } of listCache()) for (const { folder } of revisions) age(folder);
}

test("the list has repositories with their commits, and files from addresses", async () => {
  expect(listCache()).toEqual([]);
  await downloadWeights("org/model", quick);
  const url = `${at.hub.endpoint}/org/model/resolve/main/model.safetensors`;
  for (const source of [url, `${url}#sha256=${sha256(model)}`]) (await openWeights(source, quick)).close();
  const [byUrl, byName, byHash] = listCache();
  expect(byName).toMatchObject({
    name: "org/model",
    bytes: expect.any(Number),
    revisions: [
      {
        commit: at.hub.commit("org/model"),
        refs: ["main"],
        files: ["config.json", "model.safetensors"],
        bytes: config.length + model.length,
      },
    ],
  });
  expect(byName?.bytes).toBe(config.length + model.length + 40);
  expect(byUrl).toMatchObject({ name: url, revisions: [{ files: ["model.safetensors"] }] });
  expect(byHash?.name).toBe(`sha256:${sha256(model).slice(0, 40)}`);
  expect(await verifyCache()).toEqual([]);
});

test("damage is found, named, and removed where asked, so that the next load fetches anew", async () => {
  await downloadWeights("org/model", quick);
  writeFileSync(blob(), "half");
  const small = join(repo(), "blobs", gitBlobSha1(Buffer.from(config)));
  rmSync(small);
  writeFileSync(join(repo(), "refs/old"), "0".repeat(40));
  const problems = await verifyCache({ remove: true });
  expect(problems.map(({ path, what }) => [path.slice(repo().length + 1).replaceAll("\\", "/"), what])).toEqual([
    [`blobs/${sha256(model)}`, expect.stringMatching(/hash/)],
    [expect.stringMatching(/^snapshots\/.*\/config\.json$/), "a link to nothing"],
    [expect.stringMatching(/^snapshots\/.*\/model\.safetensors$/), "a link to nothing"],
    ["refs/old", expect.stringMatching(/not here/)],
  ]);
  expect(await verifyCache()).toEqual([]);
  (await openWeights("org/model", quick)).close();
});

test("pruning leaves what branches are at and what runs, and frees the rest", async () => {
  await downloadWeights("org/model", quick);
  at.hub.repos["org/model"] = { revisions: { main: { ...files, "model.safetensors": encodeSafetensors([]) } } };
  await downloadWeights("org/model", quick);
  const left = (name: string) => join(repo(), "blobs", `${name}.vitrail.incomplete`);
  for (const name of ["a".repeat(64), "b".repeat(64), "c".repeat(64)]) writeFileSync(left(name), "half");
  const locks = join(at.cache, ".locks/models--org--model");
  mkdirSync(locks, { recursive: true });
  writeFileSync(join(locks, `${"b".repeat(64)}.vitrail.lock`), JSON.stringify({ pid: process.pid, host: hostname() }));
  expect(pruneCache()).toEqual([]); // all of it is fresh
  ageAll();
  utimesSync(join(locks, `${"b".repeat(64)}.vitrail.lock`), new Date(), new Date()); // its owner lives
  writeFileSync(left("c".repeat(64)), "half"); // fresh again
  const would = pruneCache({ dryRun: true });
  expect(existsSync(blob())).toBe(true);
  expect(pruneCache()).toEqual(would);
  expect(existsSync(blob())).toBe(false);
  expect(existsSync(left("a".repeat(64)))).toBe(false);
  expect([left("b".repeat(64)), left("c".repeat(64))].map(existsSync)).toEqual([true, true]);
  expect(would.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(model.length + 4);
  expect(await verifyCache()).toEqual([]);
  (await openWeights("org/model", { offline: true })).close();
});
