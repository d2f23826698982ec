import { matMul, mul, type Tensor, type Tensor2D, useBackend } from "@vitrail/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import { encodeOnnx } from "../onnx.ts";
import { join } from "../onnx-proto.ts";
import { trace } from "../trace.ts";
import { Client } from "./client.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const open = async (client: Client, f = (x: Tensor): Tensor => mul(x, 2), shape: readonly number[] = [1]) => {
  const model = join(encodeOnnx(trace(f, [{ name: "x", shape }])).model);
  await client.request({ kind: "open", engine: "ort", model, threads: 1, providers: ["cpu"] });
};
const feeds = () => ({ x: { type: "float32" as const, dims: [1], data: Float32Array.of(1) } });

describe("a session's worker", () => {
  test("turns the runtime's errors into the caller's", async () => {
    const client = new Client();
    const model = Uint8Array.of(1, 2, 3);
    const opening = client.request({ kind: "open", engine: "ort", model, threads: 1, providers: ["cpu"] });
    await expect(opening).rejects.toMatchObject({ code: "engine-failed" });
    await client.close();
  });

  test("that ends by itself fails what is under way and what comes after, and nothing hangs", async () => {
    const client = new Client();
    // A product that takes long: one that is done before the thread ends has been answered, and rightly.
    const side = 2048;
    await open(client, (x) => matMul(x as Tensor2D, x as Tensor2D), [side, side]);
    const x = { type: "float32" as const, dims: [side, side], data: new Float32Array(side * side) };
    const running = client.request({ kind: "run", feeds: { x } });
    await client.thread.terminate();
    await expect(running).rejects.toMatchObject({ code: "worker-crashed" });
    await expect(client.request({ kind: "run", feeds: feeds() })).rejects.toMatchObject({ code: "worker-crashed" });
    await client.close();
  });

  test("finishes what is under way before it closes", async () => {
    const client = new Client();
    await open(client);
    const running = client.request<Record<string, { data: Float32Array }>>({ kind: "run", feeds: feeds() });
    const closing = client.close();
    expect([...((await running).output?.data ?? [])]).toEqual([2]);
    await closing;
    await expect(client.request({ kind: "run", feeds: feeds() })).rejects.toMatchObject({ code: "disposed" });
  });
});
