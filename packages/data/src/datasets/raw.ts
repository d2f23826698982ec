import type { Image } from "../image.ts";
import { makeSplit } from "./split.ts";
import type { Sample, Split } from "./types.ts";

/** How one picture's bytes lie. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  /** All of red, then green, then blue (CIFAR); otherwise pixel by pixel. */
  readonly planar: boolean;
}

/** Where pictures of one size lie one after the other. */
export interface Store {
  readonly layout: Layout;
  /** Pictures. */
  readonly length: number;
  /** The name of a picture, below the dataset's root. */
  nameOf(index: number): string;
  /** The bytes of pictures `index` to `index + count`. They may be a view: they are not written to. */
  read(index: number, count: number): Uint8Array | Promise<Uint8Array>;
}

/** Bytes that are read at once while a split is streamed. */
const STREAMED = 1 << 20;

/** A split over stores, one after the other. */
export function rawSplit(name: string, stores: readonly Store[], labels: Int32Array): Split {
  const begins: number[] = [];
  let total = 0;
  for (const { length } of stores) {
    begins.push(total);
    total += length;
  }
  const at = (index: number): { readonly store: Store; readonly inside: number } => {
    let s = begins.length - 1;
    while ((begins[s] as number) > index) s--;
    return { store: stores[s] as Store, inside: index - (begins[s] as number) };
  };
  return makeSplit({
    name,
    labels,
    nameOf(index) {
      const { store, inside } = at(index);
      return store.nameOf(inside);
    },
    async source(index) {
      const { store, inside } = at(index);
      return { kind: "pixels", image: toImage(await store.read(inside, 1), store.layout) };
    },
    async *stream(): AsyncGenerator<Sample, void, undefined> {
      let index = 0;
      for (const store of stores) {
        const size = sizeOf(store.layout);
        const most = Math.max(1, Math.floor(STREAMED / size));
        for (let from = 0; from < store.length; from += most) {
          const count = Math.min(most, store.length - from);
          const bytes = await store.read(from, count);
          for (let i = 0; i < count; i++) {
            const image = toImage(bytes.subarray(i * size, (i + 1) * size), store.layout);
            yield {
              index,
              name: store.nameOf(from + i),
              label: labels[index] as number,
              source: { kind: "pixels", image },
            };
            index++;
          }
        }
      }
    },
  });
}

/** Bytes of one picture. */
export function sizeOf({ width, height, channels }: Layout): number {
  return width * height * channels;
}

/** Bytes to an RGB picture of its own memory: grey is repeated, planes are interleaved. */
export function toImage(bytes: Uint8Array, { width, height, channels, planar }: Layout): Image {
  const pixels = width * height;
  if (channels === 3 && !planar) return { width, height, data: Uint8Array.from(bytes) };
  const data = new Uint8Array(pixels * 3);
  const [g, b] = channels === 1 ? [0, 0] : [pixels, 2 * pixels];
  for (let i = 0, o = 0; i < pixels; i++, o += 3) {
    data[o] = bytes[i] as number;
    data[o + 1] = bytes[g + i] as number;
    data[o + 2] = bytes[b + i] as number;
  }
  return { width, height, data };
}
