import { createRng, type Rng } from "@vitrail/random";
import { createSampleReader } from "../datasets/sample.ts";
import type { ImageError } from "../errors.ts";
import type { Image } from "../image.ts";
import { type Chunk, type Failure, KEPT, type Outcome, type Settings } from "./protocol.ts";
import { writerOf } from "./transform.ts";

/** Pictures whose decoding is under way while one is augmented: libuv's threads decode. */
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
  const { seed, decode, keepBytes } = settings;
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

  const work = async (
    chunk: Chunk,
    ahead: (Promise<Image> | undefined)[],
    start: (at: number) => void,
  ): Promise<Outcome> => {
    const { indices, turns, kept, slot, buffer } = chunk;
    if (epoch?.number !== chunk.epoch) epoch = { number: chunk.epoch, rng: root.at(chunk.epoch) };
    const { rng } = epoch;
    const batch = new Float32Array(buffer);
    const outcome: Draft = { failures: [], keeps: [], slabs: [] };
    for (let i = 0; i < indices.length; i++) {
      start(i);
      let image: Image | undefined;
      const slab = kept[i * KEPT] as number;
      try {
        if (slab >= 0) {
          const [, from, width, height] = kept.subarray(i * KEPT, (i + 1) * KEPT) as unknown as readonly number[];
          const at = from as number;
          const w = width as number;
          const h = height as number;
          image = { width: w, height: h, data: new Uint8Array(slabs[slab] as SharedArrayBuffer, at, w * h * 3) };
        } else {
          image = await ahead[i];
          ahead[i] = undefined;
          if (room > 0) keep(image as Image, i, outcome);
        }
        const stream = () => rng.at(indices[i] as number).at(turns[i] as number);
        writer.write(image as Image, stream, batch.subarray((slot + i) * size, (slot + i + 1) * size));
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
      const ahead: (Promise<Image> | undefined)[] = new Array(indices.length).fill(undefined);
      let next = 0;
      const start = (at: number): void => {
        for (; next < indices.length && next <= at + AHEAD; next++) {
          const source = sources[next];
          if (!source) continue;
          const image = reader.image(source, { ...decode, name: names[next] });
          image.catch(() => {}); // it is awaited in its turn
          ahead[next] = image;
        }
      };
      start(-1); // the first are decoded while the chunk before is worked on
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

type Draft = {
  failures: Failure[];
  keeps: [number, number, number, number, number][];
  slabs: SharedArrayBuffer[];
};
