import { tensor1d, useBackend } from "@vitrail/tensor";
import { beforeAll, expect, test } from "vitest";
import { apart, bundle, join } from "./bundles.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const entries = [
  { name: "w", shape: [2, 3], group: 0 },
  { name: "b", shape: [2], group: 0 },
  { name: "g", shape: [3], group: 1 },
  { name: "c", shape: [4], group: 0 },
];
const names = (pointwise: boolean) => bundle(entries, pointwise).map((list) => list.map(({ name }) => name));

test("vectors of one group are updated together, where the rule looks at one value at a time", () => {
  expect(names(true)).toEqual([["w"], ["b", "c"], ["g"]]);
  expect(names(false)).toEqual([["w"], ["b"], ["g"], ["c"]]);
});

test("what was joined comes apart again", () => {
  const parts = [tensor1d([1, 2]), tensor1d([3, 4, 5, 6])];
  const joined = join(parts);
  expect([...joined.dataSync()]).toEqual([1, 2, 3, 4, 5, 6]);
  const again = apart(joined, [entries[1], entries[3]] as typeof entries);
  expect(again.map((t) => [...t.dataSync()])).toEqual([
    [1, 2],
    [3, 4, 5, 6],
  ]);
  expect(join(parts.slice(0, 1))).toBe(parts[0]);
});
