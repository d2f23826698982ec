import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readCheckpoint } from "@vitrail/checkpoint";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleCommand } from "./bundle.ts";
import { type Result, run } from "./run.ts";

const box = fileURLToPath(new URL("../../../packages/weights-fashion-mnist/model.safetensors", import.meta.url));
const goldens = fileURLToPath(new URL("../../../packages/checkpoint/src/__goldens__/", import.meta.url));
const read = (path: string) => readCheckpoint(new Uint8Array(readFileSync(path))).tensors;

let out: string;
let work: string;
const vitrail = (...args: string[]): Promise<Result> => run(join(out, "vitrail.js"), args, { cwd: work });

/** The box's weights as numpy would save them, with `module.` before each name. */
function npz(): Buffer {
  const descr: Record<string, string> = { F16: "<f2", F32: "<f4", I64: "<i8" };
  const entries = [...read(box)].map(([name, tensor]) => {
    const { dtype, shape } = tensor;
    const tuple = `(${shape.map((d) => `${d},`).join(" ")})`;
    const header = Buffer.from(`{'descr': '${descr[dtype]}', 'fortran_order': False, 'shape': ${tuple}, }\n`);
    const head = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
    return [`module.${name}.npy`, Buffer.concat([head, header, tensor.bytes()])] as const;
  });
  return zip(entries);
}

/** Files side by side in a zip archive, not packed. */
function zip(files: readonly (readonly [name: string, bytes: Buffer])[]): Buffer {
  const header = (mark: number, length: number, name: string, size: number) => {
    const bytes = Buffer.alloc(length);
    const at = mark === 0x04034b50 ? 18 : 20; // the directory has one field more before the sizes
    bytes.writeUInt32LE(mark, 0);
    bytes.writeUInt32LE(size, at);
    bytes.writeUInt32LE(size, at + 4);
    bytes.writeUInt16LE(name.length, at + 8);
    return bytes;
  };
  const [data, directory]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const [name, bytes] of files) {
    const record = header(0x02014b50, 46, name, bytes.length);
    record.writeUInt32LE(offset, 42);
    directory.push(record, Buffer.from(name));
    data.push(header(0x04034b50, 30, name, bytes.length), Buffer.from(name), bytes);
    offset += 30 + name.length + bytes.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...data, ...directory, end]);
}

beforeAll(async () => {
  out = await bundleCommand();
  work = mkdtempSync(join(tmpdir(), "vitrail-convert-"));
  writeFileSync(join(work, "box.npz"), npz());
});
afterAll(() => rmSync(work, { recursive: true }));

describe("vitrail convert", () => {
  test("writes a checkpoint of another format as safetensors under timm's names, to the bit", async () => {
    const { status, stdout, stderr } = await vitrail(
      "convert",
      "box.npz",
      "--model",
      "resnet20_cifar",
      "-o",
      "a.safetensors",
    );
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^a\.safetensors: \d+ tensors of resnet20_cifar, 0\.\d MB\n$/),
      stderr: '"module." taken off all names\n',
    });
    const [before, after] = [read(box), read(join(work, "a.safetensors"))];
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
    for (const [name, tensor] of before) {
      expect(after.get(name)).toMatchObject({ dtype: tensor.dtype, shape: tensor.shape });
      expect(after.get(name)?.bytes()).toEqual(tensor.bytes());
    }
    const again = await vitrail("convert", "a.safetensors", "-m", "resnet20_cifar", "-o", "b.safetensors", "--json");
    expect(JSON.parse(again.stdout)).toMatchObject({
      file: "b.safetensors",
      format: "safetensors",
      naming: "timm",
      notes: [],
    });
  });

  test("does not write over a file unless it is told to, and then at once or not at all", async () => {
    writeFileSync(join(work, "kept.safetensors"), "kept");
    const args = ["convert", "box.npz", "--model", "resnet20_cifar", "--out", "kept.safetensors"];
    expect(await vitrail(...args)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/kept\.safetensors.*--force/),
    });
    expect(readFileSync(join(work, "kept.safetensors"), "utf8")).toBe("kept");
    expect(await vitrail(...args, "--force", "--dtype", "F32")).toMatchObject({ status: 0 });
    expect(read(join(work, "kept.safetensors")).get("fc.weight")?.dtype).toBe("F32");
    expect(readdirSync(work).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("a checkpoint of another model is refused, says what it looks like, and leaves nothing", async () => {
    const { status, stderr } = await vitrail(
      "convert",
      "box.npz",
      "-m",
      "vit_tiny_patch16_224",
      "-o",
      "no.safetensors",
    );
    expect(status).toBe(1);
    expect(stderr).toMatch(/looks like a ResNet \(resnet20_cifar: .*\), it does not fit vit_tiny_patch16_224$/m);
    expect(stderr).toContain("conv1.weight");
    expect(existsSync(join(work, "no.safetensors"))).toBe(false);
  });

  test("what cannot be written or is no model is one plain line", async () => {
    const refused = async (...args: string[]) => {
      const { status, stderr } = await vitrail("convert", "box.npz", ...args);
      expect(status).toBe(1);
      return stderr.replace(/^"module.*\n/, "");
    };
    expect(await refused("-m", "resnet20_cifar", "-o", "nowhere/x.safetensors")).toMatch(
      /^error: .*there is no folder nowhere\n$/,
    );
    expect(await refused("-m", "resnet20", "-o", "x.safetensors")).toMatch(/^error: .*resnet20_cifar/);
    expect(await refused("-m", "resnet20_cifar")).toMatch(/--out/);
    expect(await refused("-m", "resnet20_cifar", "-o", "x", "--dtype", "F8")).toMatch(/BF16/);
  });
});

describe("vitrail info", () => {
  test("says the part that was taken, the naming, and what a pickle names", async () => {
    const file = join(goldens, "formats/wrapped.pth.tar");
    const { stdout, status } = await vitrail("info", file);
    expect(status).toBe(0);
    expect(stdout).toMatch(/format +torch, 1 file/);
    expect(stdout).toMatch(/part +state_dict_ema/);
    expect(stdout).toMatch(/note +the tensors are those under "state_dict_ema"; the file also has "state_dict"/);
    expect(stdout).toMatch(/never called +argparse\.Namespace/);
    const other = JSON.parse((await vitrail("info", "--part", "state_dict", "--json", file)).stdout);
    expect(other).toMatchObject({
      part: "state_dict",
      naming: null,
      globals: expect.arrayContaining(["argparse.Namespace"]),
    });
  });

  test("knows other libraries' names, and lists what makes no tensor", async () => {
    const vit = await vitrail("info", join(goldens, "names/transformers-vit.safetensors"));
    expect(vit.stdout).toMatch(/names +transformers-vit/);
    expect(vit.stdout).toMatch(/looks like +a ViT \(2 blocks of width 8\)/);
    expect(vit.stdout).toMatch(/^blocks\.1\.attn\.qkv\.weight +F32 +\[24, 8\]$/m);
    const npz = await vitrail("info", join(goldens, "formats/arrays.npz"));
    expect(npz.stdout).toMatch(/no tensor +o: an array of Python objects/);
    expect(npz.stdout).toMatch(/names +of no library that is known/);
    const legacy = JSON.parse((await vitrail("info", "--json", join(goldens, "formats/views-legacy.pth"))).stdout);
    expect(legacy).toMatchObject({ format: "torch-legacy", part: null });
  });
});
