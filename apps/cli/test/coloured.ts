/** Pictures that a network of a few weights tells apart in a few steps: noise around a colour. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { crc32, deflateSync } from "node:zlib";

const COLOURS = { blue: [40, 60, 200], green: [50, 170, 60], red: [200, 60, 40] } as const;
type Colour = keyof typeof COLOURS;

/** A PNG of `side` × `side` pixels around a colour; another one for each seed. */
export function coloured(colour: Colour, seed: number, side = 16): Buffer {
  let state = seed * 7919 + 1;
  const noise = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32 - 0.5) * 100;
  };
  const row = 1 + side * 3;
  const pixels = Buffer.alloc(side * row); // each row begins with its filter, 0
  for (let y = 0; y < side; y++)
    for (let i = 0; i < side * 3; i++)
      pixels[y * row + 1 + i] = Math.max(0, Math.min(255, Math.round((COLOURS[colour][i % 3] as number) + noise())));
  const header = Buffer.from([0, 0, 0, side, 0, 0, 0, side, 8, 2, 0, 0, 0]); // 8 bits, RGB
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", deflateSync(pixels)), chunk("IEND")]);
}

function chunk(type: string, data = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** Writes files below a folder, by their paths. */
export function plant(root: string, files: Readonly<Record<string, Uint8Array | string>>): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

/** `train/red/0.png`, …: so many pictures a class in each split. No two are the same. */
export function twoColours(
  { train, val }: { readonly train: number; readonly val: number },
  colours: readonly Colour[] = ["blue", "red"],
): Record<string, Buffer> {
  const files: Record<string, Buffer> = {};
  let seed = 0;
  for (const [split, n] of Object.entries({ train, val }))
    for (const colour of colours)
      for (let i = 0; i < n; i++) files[`${split}/${colour}/${i}.png`] = coloured(colour, ++seed);
  return files;
}
