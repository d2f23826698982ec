import { expect, test } from "vitest";
import { engineNote } from "./engine-note.ts";

const reason =
  "onnxruntime-node is not installed: run ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node@1.30.0";
const tried = [{ name: "ort", reason }];
const base = { provider: "cpu", reason: "the first that works" };

test("without the native runtime the command says how to get it, whatever computes instead", () => {
  for (const name of ["ort-web", "tfjs"] as const) {
    expect(engineNote({ ...base, name, tried })).toContain("ONNXRUNTIME_NODE_INSTALL=skip npm install vitrail");
  }
});

test("where it computes, or was not asked for, there is nothing to say", () => {
  expect(engineNote({ ...base, name: "ort", tried: [] })).toBeUndefined();
  expect(engineNote({ ...base, name: "tfjs", tried: [] })).toBeUndefined();
});
