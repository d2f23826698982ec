import type { Image } from "../image.ts";
import { KEPT } from "./protocol.ts";

/** Pixels that came decoded are copied into pieces of shared memory of this size. */
const SLAB = 2 ** 24;

/** Where each sample's decoded pixels lie in shared memory, for those that are kept. */
export class KeptImages {
  /** {@link KEPT} numbers a sample; slab -1 where it is not kept. */
  readonly #where: Float64Array;
  readonly #slabs: SharedArrayBuffer[];
  readonly #known = new Map<SharedArrayBuffer, number>();
  #room: number;
  #last: { readonly number: number; readonly bytes: Uint8Array; used: number } | undefined;

  /**
   * @param length - samples of the split
   * @param slabs - all slabs by number; new ones are added
   * @param room - bytes that `put` may copy
   */
  constructor(length: number, slabs: SharedArrayBuffer[], room: number) {
    this.#where = new Float64Array(length * KEPT);
    for (let i = 0; i < length; i++) this.#where[i * KEPT] = -1;
    this.#slabs = slabs;
    this.#room = room;
  }

  has(index: number): boolean {
    return (this.#where[index * KEPT] as number) >= 0;
  }

  /** Writes where sample `index` lies to `out[at ...]`. */
  copy(index: number, out: Float64Array, at: number): void {
    for (let k = 0; k < KEPT; k++) out[at + k] = this.#where[index * KEPT + k] as number;
  }

  set(index: number, slab: number, from: number, width: number, height: number): void {
    this.#where.set([slab, from, width, height], index * KEPT);
  }

  /** Takes in pixels that came decoded: where they lie if that is shared memory, else a copy. False where there is no room. */
  put(index: number, { data, width, height }: Image): boolean {
    const { buffer } = data;
    if (typeof SharedArrayBuffer !== "undefined" && buffer instanceof SharedArrayBuffer) {
      let slab = this.#known.get(buffer);
      if (slab === undefined) {
        slab = this.#slabs.push(buffer) - 1;
        this.#known.set(buffer, slab);
      }
      this.set(index, slab, data.byteOffset, width, height);
      return true;
    }
    if (!this.#last || this.#last.used + data.length > this.#last.bytes.length) {
      const bytes = Math.max(data.length, Math.min(SLAB, this.#room));
      if (bytes > this.#room) return false;
      this.#room -= bytes;
      const shared = new SharedArrayBuffer(bytes);
      this.#last = { number: this.#slabs.push(shared) - 1, bytes: new Uint8Array(shared), used: 0 };
    }
    const { number, bytes, used } = this.#last;
    bytes.set(data, used);
    this.set(index, number, used, width, height);
    this.#last.used += data.length;
    return true;
  }
}
