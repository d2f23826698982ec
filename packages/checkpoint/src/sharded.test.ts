import { expect, test } from "vitest";
import { encodeSafetensors, memoryStorage, readSharded, type Storage } from "./index.ts";

const shard = (values: Record<string, number>): Uint8Array =>
  encodeSafetensors(Object.entries(values).map(([k, v]) => [k, { shape: [1], float32: () => Float32Array.of(v) }]));
const files: Record<string, Uint8Array> = {
  "1.safetensors": shard({ a: 1, extra: 9 }),
  "sub/2.safetensors": shard({ b: 2, a: 7 }),
};

function opener(closed: string[] = []) {
  return (file: string): Storage | undefined => {
    const bytes = files[file];
    return bytes && { ...memoryStorage(bytes), close: () => void closed.push(file) };
  };
}

test("the index says which file a tensor comes from; what it does not list is kept", () => {
  const closed: string[] = [];
  const index = { metadata: { total_size: 8 }, weight_map: { b: "sub/2.safetensors", a: "1.safetensors" } };
  const checkpoint = readSharded(JSON.stringify(index), opener(closed));
  expect([...checkpoint.tensors].map(([k, t]) => [k, t.float32()[0]])).toEqual([
    ["b", 2],
    ["a", 1],
    ["extra", 9],
  ]);
  checkpoint.close();
  expect(closed.sort()).toEqual(["1.safetensors", "sub/2.safetensors"]);
});

test("a missing shard is an error that names it, and closes what was opened", () => {
  const closed: string[] = [];
  const index = { weight_map: { a: "1.safetensors", b: "gone.safetensors" } };
  expect(() => readSharded(index, opener(closed), { name: "m.index.json" })).toThrow(
    expect.objectContaining({
      code: "missing-shard",
      message: expect.stringMatching(/^m\.index\.json: 1 of the 2 files .*"gone\.safetensors"/),
    }),
  );
  expect(closed).toEqual(["1.safetensors"]);
});

test("an opener that throws counts as a missing shard, with its cause", () => {
  const cause = new Error("disk on fire");
  const open = (): Storage => {
    throw cause;
  };
  expect(() => readSharded({ weight_map: { a: "1.safetensors" } }, open)).toThrow(
    expect.objectContaining({ code: "missing-shard", cause }),
  );
});

test("a tensor that the index promises and the shard lacks is named", () => {
  expect(() => readSharded({ weight_map: { zz: "1.safetensors" } }, opener())).toThrow(/"zz" in "1\.safetensors"/);
});

test("a damaged shard is named", () => {
  const open = (): Storage => memoryStorage(new Uint8Array(0));
  expect(() => readSharded({ weight_map: { a: "s.safetensors" } }, open)).toThrow(
    expect.objectContaining({ code: "empty-file", file: "s.safetensors" }),
  );
});

test.for([
  "../x.safetensors",
  "a/../../x",
  "/etc/passwd",
  "C:\\x",
  "C:x",
  "..\\x",
  "./x",
  "a//b",
  "",
  "..",
  "a/..",
  "x\u0000",
  "file:///x",
  "https://host/x",
])("an index that names %j is refused before anything is opened", (path) => {
  const open = (): Storage => expect.fail("opened");
  expect(() => readSharded({ weight_map: { a: path } }, open)).toThrow(expect.objectContaining({ code: "bad-index" }));
});

test.for([
  ['{"weight_map":{"a":"1.safetensors","a":"2.safetensors"}}', "a"],
  ['{"weight_map":{},"weight_map":{"a":"1.safetensors"}}', "weight_map"],
  ['{"weight_map":{"a\\u0061":"1.safetensors","x":"y","\\u0061a":"1.safetensors"}}', "aa"],
  ['{"x":[{"k":1},{"k":2,"\\"":1,"\\"" :2}],"weight_map":{"a":"1.safetensors"}}', '\\"'],
])("an index of %s has a key twice", ([text, key]) => {
  expect(() => readSharded(text as string, opener())).toThrow(
    expect.objectContaining({ code: "bad-index", message: expect.stringContaining(`the key "${key}" twice`) }),
  );
});

test("one key in two objects is no error, nor is what looks like one in a string", () => {
  const text = '{"metadata":{"a":"{\\"a\\":1,\\"a\\":2}","b":["b","b",{"b":1}]},"weight_map":{"a":"1.safetensors"}}';
  expect([...readSharded(text, opener()).tensors.keys()]).toContain("a");
});

test.for(["", "[]", "null", "{}", '{"weight_map":[]}', '{"weight_map":{}}', '{"weight_map":{"a":1}}', "<html>"])(
  "an index of %j is refused",
  (text) => {
    expect(() => readSharded(text, opener())).toThrow(expect.objectContaining({ code: "bad-index" }));
  },
);
