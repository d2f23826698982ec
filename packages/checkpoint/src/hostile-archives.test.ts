import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { isCheckpointError, readCheckpoint } from "./index.ts";
import * as a from "./testing/archives.ts";
import { thrown } from "./testing/fixtures.ts";

const { pickle, text, torchZip } = a;
const ones = (n: number) => new Uint8Array(Float32Array.from({ length: n }, () => 1).buffer);
const two = a.tensor(a.storage("0", 2), [2], [1]);
const sound = torchZip(a.dict({ w: two }), { "0": ones(2) });
const CENTRAL = a.uint32(0x02014b50);
const times = (bytes: readonly number[], n: number) =>
  Uint8Array.from({ length: bytes.length * n }, (_, i) => bytes[i % bytes.length] as number);

test("what the helpers of these tests write is sound", () => {
  const legacy = a.torchLegacy(a.dict({ w: two }), { "0": { numel: 2, bytes: ones(2) } });
  for (const file of [sound, legacy, torchZip(a.dict({ w: two }), { "0": ones(2) }, 9)]) {
    expect([...(readCheckpoint(file).tensors.get("w")?.float32() ?? [])]).toEqual([1, 1]);
  }
  expect([
    ...(readCheckpoint(a.npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", ones(2)))
      .tensors.get("arr_0")
      ?.float32() ?? []),
  ]).toEqual([1, 1]);
});

/** Names beside a tensor that must not keep the file from being read. */
const loops: [title: string, value: Uint8Array][] = [
  ["a list that holds itself", pickle(0x5d, 0x94, 0x68, 0, 0x61)],
  ["a dict that holds itself", pickle(0x7d, 0x94, text("me"), 0x68, 0, 0x73)],
  ["a thing that is its own class", pickle(a.global("x", "y"), 0x29, 0x52, 0x94, 0x68, 0, 0x62)],
  [
    "a module that is its own part",
    pickle(
      a.global("torch.nn", "Module"),
      0x29,
      0x52,
      0x94,
      a.dict({ _modules: pickle(0x7d, text("me"), 0x68, 0, 0x73) }),
      0x62,
    ),
  ],
  ["a list in a list, 200,000 deep", pickle(times([0x5d], 200_000), times([0x61], 199_999))],
  ["a tuple in a tuple, 200,000 deep", pickle(0x29, times([0x85], 200_000))],
  ["calls of calls of calls, 100,000 deep", pickle(a.global("x", "y"), times([0x29, 0x52], 100_000))],
];

test.for(loops)("%s beside a tensor does no harm", ([, value]) => {
  const file = torchZip(a.dict({ other: value, w: two }), { "0": ones(2) });
  expect([...readCheckpoint(file).tensors.keys()]).toEqual(["w"]);
});

const strided = (shape: number[], strides: number[], numel = 2) =>
  torchZip(a.dict({ w: a.tensor(a.storage("0", numel), shape, strides) }), { "0": ones(2) });

const pickles: [title: string, file: Uint8Array, code: string, message: RegExp][] = [
  ["text of 4 GB", torchZip(pickle(0x58, a.uint32(0xffffffff))), "truncated", /claims a value of 4294967295 bytes/],
  [
    "text of 2^63 bytes",
    torchZip(pickle(0x8d, [0, 0, 0, 0, 0, 0, 0, 0x80])),
    "truncated",
    /claims a value of 9\d+ bytes/,
  ],
  [
    "bytes of 2^40",
    torchZip(pickle(0x8e, [0, 0, 0, 0, 0, 1, 0, 0])),
    "truncated",
    /claims a value of 1099511627776 bytes/,
  ],
  ["text of a length below 0", torchZip(pickle(0x54, [255, 255, 255, 255])), "truncated", /claims a value of -1 bytes/],
  [
    "a number of 2^31 bytes",
    torchZip(pickle(0x8b, [255, 255, 255, 127])),
    "bad-pickle",
    /a number of 2147483647 bytes/,
  ],
  [
    "a frame that is longer than the file",
    torchZip(pickle(0x95, [255, 255, 255, 255, 0, 0, 0, 0])),
    "bad-pickle",
    /frame/,
  ],
  ["protocol 6", torchZip(pickle(0x80, 6)), "bad-pickle", /protocol 6/],
  ["an opcode that does not exist", torchZip(pickle(0xff)), "bad-pickle", /unknown opcode 0xff/],
  ["an empty stack", torchZip(pickle(0x30)), "bad-pickle", /empty stack/],
  ["a bracket that was never opened", torchZip(pickle(0x74)), "bad-pickle", /bracket/],
  ["a value that was not kept", torchZip(pickle(0x68, 9)), "bad-pickle", /value 9/],
  ["a key without a value", torchZip(pickle(0x7d, 0x28, text("a"), 0x75)), "bad-pickle", /key without a value/],
  ["a line without an end", torchZip(pickle(0x63, "x".repeat(70_000))), "bad-pickle", /over 65536 bytes/],
  [
    "a global of a megabyte",
    torchZip(pickle(text("x".repeat(1e6)), text("y"), 0x93)),
    "bad-pickle",
    /over 1024 letters/,
  ],
  ["no end", torchZip(pickle(0x7d)).subarray(0), "no-state-dict", /no tensors/],
  ["a storage of 8 EB", strided([2], [1], 0x7fffffff), "bad-tensor", /claims 8589934588 bytes, the file has 8/],
  ["a storage that is not there", torchZip(a.dict({ w: two })), "bad-archive", /no storage "0"/],
  ["a tensor beyond its storage", strided([3], [1]), "bad-tensor", /of F32 \[3\] would take|reaches to element 2/],
  [
    "an offset beyond the storage",
    torchZip(a.dict({ w: a.tensor(a.storage("0", 2), [2], [1], a.number(2 ** 40)) }), { "0": ones(2) }),
    "bad-tensor",
    /reaches to element/,
  ],
  ["a stride beyond the storage", strided([2], [9]), "bad-tensor", /reaches to element 9/],
  [
    "a stride of 0 that makes 4 TB of 8 bytes",
    strided([2 ** 20, 2 ** 20], [0, 0]),
    "bad-tensor",
    /would take 4398046511104 bytes/,
  ],
  ["a shape over 2^53", strided([2 ** 40, 2 ** 40], [0, 0]), "bad-tensor", /would take Infinity|more elements/],
  ["strides of another rank", strided([2], [1, 1]), "bad-tensor", /1 dimensions and 2 strides/],
  [
    "a forbidden global where a tensor's storage should be",
    torchZip(a.dict({ w: a.tensor(pickle(a.global("os", "system"), text("true"), 0x85, 0x52), [2], [1]) })),
    "forbidden-global",
    /"w" could only be made by calling os\.system/,
  ],
  [
    "a file that is a call",
    torchZip(pickle(a.global("builtins", "exec"), text("1"), 0x85, 0x52)),
    "forbidden-global",
    /builtins\.exec/,
  ],
  [
    "a global whose name has many lines",
    torchZip(a.dict({ w: a.tensor(pickle(text("a\n\u001b[31mb"), text("c"), 0x93, 0x29, 0x52), [2], [1]) })),
    "forbidden-global",
    /calling "a\\n\\u001b\[31mb\.c", and nothing/,
  ],
  ["a persistent id that is no storage", torchZip(pickle(text("x"), 0x51)), "bad-pickle", /outside of it/],
  [
    "a legacy storage longer than the file",
    a.torchLegacy(a.dict({ w: two }), { "0": { numel: 2 ** 31, bytes: ones(2) } }),
    "truncated",
    /claims 8589934592 bytes, 8 are left/,
  ],
  ["a legacy file without its bytes", a.torchLegacy(a.dict({ w: two }), {}), "bad-pickle", /no bytes for storage "0"/],
  [
    "a legacy file that lists a storage too many",
    a.torchLegacy(a.dict({}), { "7": { numel: 1, bytes: ones(1) } }),
    "bad-pickle",
    /a storage "7" that no tensor has/,
  ],
];

const bomb = (claim: number, packed: Uint8Array) =>
  [
    // in the directory and in the local header alike
    [CENTRAL, 24],
    [a.uint32(0x04034b50), 22],
  ].reduce(
    (file, [mark, at]) =>
      a.patch(file, mark as Uint8Array, (view, begin) => view.setUint32(begin + (at as number), claim, true)),
    packed,
  );
const npyOf = (descr: string, shape: string, data: Uint8Array) =>
  a.npy(`{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`, data);
const zipped = (npy: Uint8Array, level: 0 | 9 = 9) => zipSync({ "w.npy": [npy, { level }] });
const zeros = zipped(npyOf("<f4", "(1000000,)", new Uint8Array(4e6)));
const more = npyOf("<f4", "(2,)", new Uint8Array(4e6));
const plain = zipped(npyOf("|u1", "(2, )", Uint8Array.of(1, 2)), 0);
const entry = (name: string) => zipSync({ [name]: [a.npy("{}"), { level: 0 }] });

const archives: [title: string, file: Uint8Array, code: string, message: RegExp][] = [
  [
    "an entry that unpacks to more than it claims",
    bomb(more.length - 4e6 + 8, zipped(more)),
    "bad-archive",
    /unpacks to more than the \d\d bytes/,
  ],
  [
    "an entry that claims more than deflate can give",
    bomb(0x7fffffff, zeros),
    "bad-archive",
    /claims to unpack to 2147483647/,
  ],
  [
    "a little more than deflate can give",
    bomb(100e6, zeros),
    "bad-archive",
    /claims 100000000 bytes from \d+, more than deflate/,
  ],
  ["a stored entry of two sizes", bomb(5, plain), "bad-archive", /claims 5 bytes in/],
  [
    "an entry outside of the file",
    a.patch(plain, CENTRAL, (v, at) => v.setUint32(at + 42, 0x7fffffff, true)),
    "bad-archive",
    /outside the/,
  ],
  [
    "an entry that is not where it is said",
    a.patch(plain, CENTRAL, (v, at) => v.setUint32(at + 42, 1, true)),
    "bad-archive",
    /no entry "w\.npy" where/,
  ],
  [
    "a directory of a million entries",
    a.patch(plain, a.uint32(0x06054b50), (v, at) => v.setUint16(at + 10, 60_000, true)),
    "bad-archive",
    /can't hold 60000 entries/,
  ],
  [
    "a directory outside of the file",
    a.patch(plain, a.uint32(0x06054b50), (v, at) => v.setUint32(at + 16, 0x7ffffff0, true)),
    "bad-archive",
    /outside the file/,
  ],
  [
    "an encrypted entry",
    a.patch(plain, CENTRAL, (v, at) => v.setUint16(at + 8, 1, true)),
    "unsupported-format",
    /encrypted/,
  ],
  [
    "an entry packed by LZMA",
    a.patch(plain, CENTRAL, (v, at) => v.setUint16(at + 10, 14, true)),
    "unsupported-format",
    /method 14/,
  ],
  [
    "a checksum that is wrong",
    a.patch(torchZip(a.dict({ w: two }), { "0": ones(2) }, 9), CENTRAL, (v, at) => v.setUint32(at + 16, 1, true)),
    "bad-archive",
    /checksum/,
  ],
  [
    "an entry that leads out of the archive",
    entry("../../evil.npy"),
    "bad-archive",
    /"\.\.\/\.\.\/evil\.npy" leads out/,
  ],
  ["an entry of an absolute path", entry("/etc/evil.npy"), "bad-archive", /leads out/],
  ["an entry of a Windows path", entry("a\\..\\..\\evil.npy"), "bad-archive", /leads out/],
  ["an entry of a drive", entry("c:evil.npy"), "bad-archive", /leads out/],
  [
    "a zip of neither library",
    zipSync({ "a.txt": new Uint8Array(3) }),
    "unsupported-format",
    /neither of torch nor of numpy/,
  ],
  ["a cut archive", sound.subarray(0, -30), "truncated", /no end record/],
];

const npys: [title: string, file: Uint8Array, code: string, message: RegExp][] = [
  [
    "an array longer than the file",
    a.npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }", ones(1)),
    "truncated",
    /takes 4000000000000 bytes, 4 are there/,
  ],
  [
    "an array whose size overflows",
    a.npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9007199254740991, 9007199254740991), }"),
    "truncated",
    /Infinity/,
  ],
  [
    "a header that is code",
    a.npy("{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (1,), }"),
    "bad-header",
    /no value for descr/,
  ],
  [
    "a header with a key twice",
    a.npy("{'shape': (1,), 'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"),
    "bad-header",
    /shape twice/,
  ],
  [
    "a header of another key",
    a.npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}"),
    "bad-header",
    /a key other than/,
  ],
  [
    "a negative size",
    a.npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"),
    "bad-header",
    /no value for shape/,
  ],
  [
    "65 axes",
    a.npy(`{'descr': '<f4', 'fortran_order': False, 'shape': (${"1,".repeat(65)}), }`),
    "bad-header",
    /shape out of bounds/,
  ],
  ["a header without an end", a.npy("{'descr': '<f4'"), "bad-header", /no dict/],
  [
    "version 9",
    a.patch(a.npy("{}"), Uint8Array.of(0x59, 1, 0), (v, at) => v.setUint8(at + 1, 9)),
    "bad-header",
    /version 9/,
  ],
];

describe.each([
  ["a pickle", pickles],
  ["an archive", archives],
  ["an array", npys],
] as const)("%s with", (_, cases) => {
  test.for(cases)("%s is a CheckpointError of one line", ([, file, code, message]) => {
    const error = thrown(() => {
      for (const tensor of readCheckpoint(file, { name: "x.pth" }).tensors.values()) tensor.bytes();
    });
    expect(error, "it should throw").toBeDefined();
    expect(isCheckpointError(error), String(error)).toBe(true);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message), file: "x.pth" });
    expect(error?.message).toMatch(/^x\.pth: [^\n]+$/);
    expect(error?.message.length).toBeLessThan(400);
  });
});

test("a pickle of four million steps is refused before it takes a minute", () => {
  const steps = new Uint8Array(2 ** 22 + 10).fill(0x4e);
  expect(thrown(() => readCheckpoint(torchZip(steps)))).toMatchObject({ code: "bad-pickle", message: /steps/ });
});

test("one value under a million names is looked at once", () => {
  const shared = a.dict({ w: two });
  const many = pickle(
    shared,
    0x94,
    0x30,
    0x7d,
    0x28,
    a.join(Array.from({ length: 100_000 }, (_, i) => pickle(text(`k${i}`), 0x68, 0))),
    0x75,
  );
  expect(thrown(() => readCheckpoint(torchZip(many, { "0": ones(2) })))).toMatchObject({
    code: "no-state-dict",
    message: expect.stringMatching(/say which part to take: "k0", "k1"/),
  });
});
