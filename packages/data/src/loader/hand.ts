import { readFileSync } from "node:fs";
import { createRng, type Rng } from "@vitrail/random";
import { crop } from "../crop.ts";
import { reasonOf } from "../datasets/errors.ts";
import { createSampleReader } from "../datasets/sample.ts";
import type { SampleSource } from "../datasets/types.ts";
import { decode } from "../decode.ts";
import { MAX_PIXELS } from "../decode-options.ts";
import { ImageError } from "../errors.ts";
import type { Image } from "../image.ts";
import { type OpenJpeg, openJpeg } from "../jpeg/decoder.ts";
import { type Chunk, type Failure, KEPT, type Outcome, type Settings } from "./protocol.ts";
import { writerOf } from "./transform.ts";

/** Pictures that are read, and where need be decoded by libuv's threads, while one is worked on. */
const AHEAD = 2;
/** Decoded pictures are kept in pieces of shared memory of this size, or of their own where they are larger. */
const SLAB = 2 ** 24;

/** What does the work: one in each thread, or one on the calling thread. */
export interface Hand {
  /** Slabs by number, all that were made known. */
  readonly slabs: SharedArrayBuffer[];
  /** Writes a chunk's samples into its batch. Chunks are worked on one after the other. */
  run(chunk: Chunk): Promise<Outcome>;
  dispose(): Promise<void>;
}

export function createHand(settings: Settings): Hand {
  const { seed, decode: decodeOptions, keepBytes, blocking } = settings;
  const writer = writerOf(settings.transform);
  const size = writer.height * writer.width * writer.channels;
  const reader = createSampleReader();
  const root = createRng(seed).at("augment");
  const slabs: SharedArrayBuffer[] = [];
  let epoch: { readonly number: number; readonly rng: Rng } | undefined;
  let room = keepBytes;
  const own: { slab: Uint8Array; used: number }[] = [];
  let before: Promise<unknown> = Promise.resolve();

  /** Copies a decoded picture into shared memory while there is room. */
  const keep = ({ data, width, height }: Image, position: number, outcome: Draft): void => {
    let last = own.at(-1);
    if (!last || last.used + data.length > last.slab.length) {
      const bytes = Math.max(data.length, Math.min(SLAB, room));
      if (bytes > room) {
        room = 0; // the first that does not fit ends it: which pictures are kept changes no result
        return;
      }
      room -= bytes;
      const shared = new SharedArrayBuffer(bytes);
      last = { slab: new Uint8Array(shared), used: 0 };
      own.push(last);
      outcome.slabs.push(shared);
    }
    last.slab.set(data, last.used);
    outcome.keeps.push([position, own.length - 1, last.used, width, height]);
    last.used += data.length;
  };

  /** Reads a sample ahead of its turn; what is no plain JPEG is decoded there too, by another thread. */
  const open = async (source: SampleSource, name: string | undefined): Promise<Opened> => {
    if (source.kind === "pixels") return { whole: source.image };
    const bytes = blocking && source.kind === "file" ? readNow(source.path, name) : await reader.bytes(source, name);
    const jpeg = decodeOptions.icc ? undefined : openJpeg(bytes, decodeOptions.orientation ?? true);
    if (jpeg && jpeg.width * jpeg.height <= (decodeOptions.maxPixels ?? MAX_PIXELS)) return { jpeg, bytes };
    return { whole: await decode(bytes, { ...decodeOptions, name }) };
  };

  /** Writes one sample. */
  const put = async (
    opened: Opened,
    stream: () => Rng,
    out: Float32Array,
    keep: ((image: Image) => void) | undefined,
    name: string | undefined,
  ) => {
    let { whole } = opened;
    const { jpeg, bytes } = opened;
    if (jpeg) {
      // To be kept it is decoded in whole. Damage that the wanted part does not have must not count then either.
      whole = keep && jpeg.decode();
      if (!whole) {
        const region = writer.region(jpeg.width, jpeg.height, stream);
        const part = jpeg.decode(region);
        if (part) return writer.write(part, jpeg.width, jpeg.height, stream, out);
        whole = await decode(bytes as Uint8Array, { ...decodeOptions, name });
      }
    }
    const image = whole as Image;
    keep?.(image);
    const region = writer.region(image.width, image.height, stream);
    writer.write(region ? crop(image, region) : image, image.width, image.height, stream, out);
  };

  const work = async (
    chunk: Chunk,
    ahead: (Promise<Opened> | undefined)[],
    start: (at: number) => void,
  ): Promise<Outcome> => {
    const { indices, turns, kept, slot, buffer, names } = chunk;
    if (epoch?.number !== chunk.epoch) epoch = { number: chunk.epoch, rng: root.at(chunk.epoch) };
    const { rng } = epoch;
    const batch = new Float32Array(buffer);
    const outcome: Draft = { failures: [], keeps: [], slabs: [] };
    for (let i = 0; i < indices.length; i++) {
      start(i);
      const out = batch.subarray((slot + i) * size, (slot + i + 1) * size);
      const stream = (): Rng => rng.at(indices[i] as number).at(turns[i] as number);
      const slab = kept[i * KEPT] as number;
      try {
        if (slab >= 0) {
          const [from, width, height] = [1, 2, 3].map((k) => kept[i * KEPT + k]) as [number, number, number];
          const data = new Uint8Array(slabs[slab] as SharedArrayBuffer, from, width * height * 3);
          const done = put({ whole: { width, height, data } }, stream, out, undefined, undefined);
          await done;
        } else {
          const opened = (await ahead[i]) as Opened;
          ahead[i] = undefined;
          await put(opened, stream, out, room > 0 ? (image) => keep(image, i, outcome) : undefined, names[i]);
        }
      } catch (cause) {
        const { message, code, file } = cause as ImageError;
        if (!code) throw cause; // not about this picture
        outcome.failures.push({ position: i, message, code, file });
      }
    }
    return outcome;
  };

  return {
    slabs,
    async run(chunk) {
      const { sources, names, indices } = chunk;
      const ahead: (Promise<Opened> | undefined)[] = new Array(indices.length).fill(undefined);
      let next = 0;
      const start = (at: number): void => {
        for (; next < indices.length && next <= at + AHEAD; next++) {
          const source = sources[next];
          if (!source) continue;
          const opened = open(source, names[next]);
          opened.catch(() => {}); // it is awaited in its turn
          ahead[next] = opened;
        }
      };
      start(-1); // the first are read while the chunk before is worked on
      const mine = before.then(() => work(chunk, ahead, start));
      before = mine.catch(() => {});
      return mine;
    },
    async dispose() {
      await before;
      await reader.dispose();
    },
  };
}

/** A whole file at once: four trips to another thread cost more than a read from the system's cache. */
function readNow(path: string, name = path): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ImageError("unreadable-file", `${name}: ${reasonOf(cause)}`, { file: name, cause });
  }
}

/** A sample that was read: its pixels, or a JPEG that this thread decodes. */
interface Opened {
  readonly whole?: Image;
  readonly jpeg?: OpenJpeg;
  readonly bytes?: Uint8Array;
}

type Draft = {
  failures: Failure[];
  keeps: [number, number, number, number, number][];
  slabs: SharedArrayBuffer[];
};
