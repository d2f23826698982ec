import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { encodeSafetensors, readCheckpoint } from "./index.ts";
import { thrown } from "./testing/fixtures.ts";

const file = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`__goldens__/formats/${name}`, import.meta.url)));
const read = (name: string, part?: string) => readCheckpoint(file(name), { name, part });
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
/** fp32's bits, any NaN as one: which NaN torch makes depends on the CPU. */
const bitsOf = (values: Float32Array): number[] =>
  Array.from(new Uint32Array(values.slice().buffer), (bits, i) => (Number.isNaN(values[i]) ? 0x7fc00000 : bits));
const values = (name: string, part?: string) =>
  Object.fromEntries([...read(name, part).tensors].map(([key, t]) => [key, { shape: t.shape, is: [...t.float32()] }]));

interface Expected {
  readonly tensors: Record<string, { dtype: string; shape: number[]; bytes: string; float32Bits?: number[] }>;
}

describe("files written by torch", () => {
  test.for([
    ["types.pth", "types", "torch"],
    ["types-legacy.pth", "types-legacy", "torch-legacy"],
    ["big-endian.pth", "big-endian", "torch"],
    ["views.pth", "views", "torch"],
    ["views-legacy.pth", "views", "torch-legacy"],
    ["protocol-3.pth", "small", "torch"],
    ["protocol-4.pth", "small", "torch"],
    ["protocol-5.pth", "small", "torch"],
    ["protocol-4-legacy.pth", "small", "torch-legacy"],
    ["compressed.pth", "small", "torch"],
  ])("%s holds the same tensors to the bit", ([name, golden, format]) => {
    const { tensors } = JSON.parse(
      readFileSync(new URL(`__goldens__/formats/${golden}.json`, import.meta.url), "utf8"),
    ) as Expected;
    const checkpoint = read(name as string);
    expect(checkpoint.format).toBe(format);
    expect(checkpoint.notes).toEqual([]);
    expect([...checkpoint.tensors.keys()]).toEqual(Object.keys(tensors));
    for (const [key, { dtype, shape, bytes, float32Bits }] of Object.entries(tensors)) {
      const tensor = checkpoint.tensors.get(key) ?? expect.fail(key);
      expect(tensor.dtype, key).toBe(dtype);
      expect(tensor.shape, key).toEqual(shape);
      expect(hex(tensor.bytes()), key).toBe(bytes);
      if (float32Bits && !dtype.startsWith("F8")) expect(bitsOf(tensor.float32()), key).toEqual(float32Bits);
    }
  });

  test.for(["views.pth", "views-legacy.pth"])(
    "%s: two names of one tensor have one storage, are saved as safetensors and come back (safetensors#98)",
    (name) => {
      const { tensors } = read(name);
      const [a, b] = [tensors.get("tied.a"), tensors.get("tied.b")];
      expect(a?.storage).toBe(b?.storage);
      expect(tensors.get("whole")?.storage).toBe(tensors.get("transposed")?.storage);
      const again = readCheckpoint(encodeSafetensors(tensors)).tensors;
      expect([...again.keys()].sort()).toEqual([...tensors.keys()].sort());
      expect(again.get("tied.b")?.bytes()).toEqual(a?.bytes());
      expect(again.get("transposed")?.bytes()).toEqual(tensors.get("transposed")?.bytes());
    },
  );

  test.for(["wrapped.pth.tar", "wrapped-legacy.pth.tar"])(
    "%s: the part is taken in timm's order, is said, and another can be chosen (OpenTAD#44)",
    (name) => {
      const small = { weight: { shape: [2, 2], is: [1, 2, 3, 4] }, bias: { shape: [2], is: [0.5, -0.5] } };
      const plusOne = { weight: { shape: [2, 2], is: [2, 3, 4, 5] }, bias: { shape: [2], is: [1.5, 0.5] } };
      const prefixed = (o: object) => Object.fromEntries(Object.entries(o).map(([k, v]) => [`module.${k}`, v]));
      expect(read(name).part).toBe("state_dict_ema");
      expect(read(name).notes).toEqual(
        ['the tensors are those under "state_dict_ema"; the file also has "state_dict", "history"'].map((n) =>
          n.replace(', "history"', ""),
        ),
      );
      expect(values(name)).toEqual(prefixed(plusOne));
      expect(values(name, "state_dict")).toEqual(prefixed(small));
      expect(thrown(() => read(name, "model"))).toMatchObject({
        code: "no-state-dict",
        message: expect.stringMatching(
          /no tensors under "model"; the file has "epoch" \(a number\), "state_dict" \(a dict\)/,
        ),
      });
    },
  );

  test("numpy arrays in a pickle are tensors, in any byte and axis order", () => {
    expect(values("numpy-state.pth")).toEqual({
      f: { shape: [2, 3], is: [0, 1, 2, 3, 4, 5] },
      i: { shape: [3], is: [0, 1, 2] },
    });
  });

  test("a module that was pickled whole gives its state dict, and nothing of it is imported", () => {
    const checkpoint = read("module.pth");
    expect([...checkpoint.tensors.keys()]).toEqual([
      "fc.weight",
      "fc.bias",
      "bn.weight",
      "bn.bias",
      "bn.running_mean",
      "bn.running_var",
      "bn.num_batches_tracked",
    ]);
    expect([...(checkpoint.tensors.get("fc.weight")?.float32() ?? [])]).toEqual([1, 2, 3, 4]);
    expect(checkpoint.notes).toEqual(["the tensors are those of a pickled torch.nn.modules.container.Sequential"]);
  });

  test("a module of TorchScript gives its state dict, and none of its code is run", () => {
    const checkpoint = read("torchscript.pt");
    expect([...checkpoint.tensors.keys()].sort()).toEqual([...read("module.pth").tensors.keys()].sort());
    for (const [name, tensor] of read("module.pth").tensors) {
      expect(checkpoint.tensors.get(name)?.bytes(), name).toEqual(tensor.bytes());
    }
    expect(checkpoint.notes[0]).toBe(
      "the tensors are those of a pickled __torch__.torch.nn.modules.container.Sequential",
    );
  });

  test("a global beside the tensors is inert, and is named", () => {
    const checkpoint = read("forbidden-value.pth");
    expect(checkpoint.globals).toEqual([
      "torch._utils._rebuild_tensor_v2",
      "torch.FloatStorage",
      "collections.OrderedDict",
      "__builtin__.eval",
    ]);
    expect([...checkpoint.tensors.keys()]).toEqual(["weight"]);
    expect([...checkpoint.refused]).toEqual([["args", "made by __builtin__.eval, which is never called"]]);
    expect(checkpoint.notes).toEqual(['"args" left out: made by __builtin__.eval, which is never called']);
  });

  test.for([
    [
      "forbidden-tensor.pth",
      "forbidden-global",
      /tensor "weight" could only be made by calling __builtin__\.eval, and nothing/,
    ],
    ["conjugate.pth", "forbidden-global", /"w".*torch\._utils\._rebuild_tensor_v2/],
    ["negative.pth", "forbidden-global", /"w".*torch\._utils\._rebuild_tensor_v2/],
    ["sparse.pth", "forbidden-global", /"weight".*torch\._utils\._rebuild_sparse_tensor/],
    [
      "call.pth",
      "forbidden-global",
      /what __builtin__\.eval would make, which is never called; save the model's state_dict/,
    ],
    ["no-tensors.pth", "no-state-dict", /say which part to take: "teacher"/],
  ] as const)("%s is an error that says why", ([name, code, message]) => {
    expect(thrown(() => read(name))).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test("a part that no order names is taken where it is asked for", () => {
    expect(values("no-tensors.pth", "teacher")).toEqual({ w: { shape: [1], is: [1] } });
  });
});

describe("files written by numpy", () => {
  test.for(["arrays.npz", "arrays-compressed.npz"])(
    "%s loads, and what makes no tensor is refused by name (npyjs#40)",
    (name) => {
      const checkpoint = read(name);
      expect(checkpoint.format).toBe("npz");
      const six = { shape: [2, 3], is: [0, 1, 2, 3, 4, 5] };
      const { c8, ...others } = Object.fromEntries(checkpoint.tensors);
      expect(
        Object.fromEntries(Object.entries(others).map(([k, t]) => [k, { shape: t.shape, is: [...t.float32()] }])),
      ).toEqual({
        be: six,
        f: six,
        h: six,
        u1: { shape: [3], is: [0, 1, 2] },
        sc: { shape: [], is: [1.5] },
        e: { shape: [0, 3], is: [] },
        b: { shape: [2], is: [1, 0] },
        be8: { shape: [3], is: [0, 1, 2] },
        bf16: { shape: [2], is: [1, -2.5] },
      });
      expect(c8?.dtype).toBe("C64");
      expect([...checkpoint.refused]).toEqual([
        ["o", "an array of Python objects"],
        ["text", "an array of text"],
        ["records", "an array of records"],
      ]);
      expect(checkpoint.notes).toContain('"o" left out: an array of Python objects');
    },
  );

  test.for(["fortran.npy", "version-2.npy", "version-3.npy"])("%s is one array", (name) => {
    expect(values(name)).toEqual({ arr_0: { shape: [2, 3], is: [0, 1, 2, 3, 4, 5] } });
    expect(read(name).format).toBe("npy");
  });

  test("an array of objects alone is an error", () => {
    expect(thrown(() => read("objects.npy"))).toMatchObject({ code: "unsupported-dtype", message: /Python objects/ });
  });
});
