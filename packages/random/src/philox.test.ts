import { expect, test } from "vitest";
import { philox4x32 } from "./philox.ts";

// The known answers of the authors' own library: Random123 1.14, tests/kat_vectors, "philox4x32 10".
test.each([
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
] as [number[], number[], number[]][])("Philox4x32-10 of counter %j and key %j is the paper's", (c, k, answer) => {
  const out = new Uint32Array(5);
  const [c0, c1, c2, c3] = c as [number, number, number, number];
  philox4x32(c0, c1, c2, c3, k[0] as number, k[1] as number, out, 1);
  expect(Array.from(out)).toEqual([0, ...answer]);
});
