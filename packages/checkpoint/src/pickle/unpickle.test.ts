import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { memoryStorage } from "../storage.ts";
import { ByteReader } from "./reader.ts";
import { callCommon, setCommonState } from "./recipes.ts";
import { type Recipes, unpickle } from "./unpickle.ts";
import { PyDict, PyObject, PySet, type Value } from "./values.ts";

const recipes: Recipes = {
  named: () => {},
  call: callCommon,
  setState: setCommonState,
  persistent: () => expect.fail("a persistent id"),
};
const read = (bytes: Uint8Array) => unpickle(new ByteReader(memoryStorage(bytes), "x.pkl"), recipes, "x.pkl");
const golden = (name: string) =>
  read(new Uint8Array(readFileSync(new URL(`../__goldens__/formats/${name}`, import.meta.url))));

test.for([0, 1, 2, 3, 4, 5])("protocol %i, as Python's pickler writes it, gives the same values", (protocol) => {
  const dict = golden(`plain-${protocol}.pkl`) as PyDict;
  expect(dict).toBeInstanceOf(PyDict);
  const a = dict.get("a") as Value[];
  expect(a.slice(0, 9)).toEqual([1, -2, 2 ** 40, -(2n ** 70n), 0.5, Number.POSITIVE_INFINITY, true, null, "é\n😀"]);
  expect(a[9]).toEqual(Uint8Array.of(0, 255));
  expect(a.slice(10)).toEqual([[], [1], [1, 2, 3, 4]]);
  expect([...(dict.get("s") as PySet).items].sort()).toEqual([1, 2]);
  const frozen = dict.get("f");
  expect(frozen instanceof PySet ? frozen.items : frozen).toEqual([3]);
  expect(dict.get("self")).toBe(a); // one list under two names
});

test("what has a class of its own is kept with its name and its arguments", () => {
  const bytes = new TextEncoder().encode("cos\nsystem\n(S'true'\ntR.");
  const made = read(bytes) as PyObject;
  expect(made).toBeInstanceOf(PyObject);
  expect(made).toMatchObject({ callable: { module: "os", name: "system" }, args: ["true"] });
});

test.for([
  ["(lp0\nI1\naI2\na.", [1, 2]],
  ["I01\n.", true],
  ["L12345678901234567890L\n.", 12_345_678_901_234_567_890n],
  ["F-1.5\n.", -1.5],
  ["S'it\\'s \\x41\\n'\n.", "it's A\n"],
  ["Va\\u00e9\\U0001f600\n.", "aé😀"],
  ["(I1\nI2\nI3\n0t.", [1, 2]],
  ["(I1\n1I7\n.", 7],
  ["I5\n2\x86.", [5, 5]],
])("%j is read", ([text, value]) => {
  expect(read(Uint8Array.from([...(text as string)], (c) => c.charCodeAt(0)))).toEqual(value);
});
