import { expect, test, vi } from "vitest";
import { blockSize, blockSizeOf, probeOf } from "./block-size.ts";
import { Client } from "./client.ts";

const choice = { engine: "ort", threads: 1, providers: ["cpu"] } as const;

test("a runtime without the ops has no blocks; one that has them is asked once", async () => {
  const client = new Client();
  const request = vi.spyOn(client, "request");
  request.mockRejectedValueOnce(new Error("no such op"));
  expect(await blockSize(client, choice)).toBe(1);
  const size = await blockSize(client, choice);
  expect([1, 4, 8, 16, 32]).toContain(size);
  expect(await blockSize(client, choice)).toBe(size);
  expect(request.mock.calls.map(([{ kind }]) => kind)).toEqual(["once", "once"]);
  await client.close();
});

test("a block's size is where the numbers lie, nothing else", () => {
  const laid = (size: number) =>
    Array.from({ length: 64 }, (_, i) => {
      const channel = Math.floor(i / (2 * size)) * size + (i % size);
      return channel * 2 + (Math.floor(i / size) % 2);
    });
  expect([4, 8, 16, 32].map((size) => blockSizeOf(laid(size)))).toEqual([4, 8, 16, 32]);
  expect(blockSizeOf(probeOf().data)).toBe(1);
  expect(blockSizeOf([])).toBe(1);
  expect(blockSizeOf(laid(16).with(5, 0))).toBe(1);
});
