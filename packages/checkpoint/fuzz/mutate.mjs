/** Sizes that readers stumble over. */
const NUMBERS = [0, 1, 2, 127, 128, 255, 256, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

export function splice(file, at, remove, insert) {
  const end = Math.min(file.length, at + remove);
  const out = new Uint8Array(at + insert.length + file.length - end);
  out.set(file.subarray(0, at));
  out.set(insert, at);
  out.set(file.subarray(end), at + insert.length);
  return out;
}

/** Changes of bytes, for a file of any kind; `other` is one to take pieces from. */
const changes = [
  (r, f) => f.subarray(0, r.below(f.length + 1)),
  (r, f) => splice(f, r.below(f.length), 1, [f[r.below(f.length)] ^ (1 << r.below(8))]),
  (r, f) => splice(f, r.below(f.length), 1, r.bytes(1)),
  (r, f) => splice(f, r.below(f.length), 0, r.bytes(1 + r.below(4))),
  (r, f) => splice(f, r.below(f.length), 1 + r.below(9), []),
  (r, f) => splice(f, f.length, 0, r.bytes(r.below(17))),
  // A number that is too much, too little or just over
  (r, f) => {
    const value = r.pick(NUMBERS) + r.pick([0, 0, 1, -1]);
    const width = r.pick([1, 2, 4, 8]);
    const bytes = Uint8Array.from({ length: width }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 255);
    return splice(f, r.below(f.length), width, bytes);
  },
  (r, f) => {
    const from = r.below(f.length);
    return splice(f, r.below(f.length), r.below(9), f.slice(from, from + 1 + r.below(40)));
  },
  (r, f, other) => {
    const from = r.below(other.length);
    return splice(f, r.below(f.length), r.below(9), other.slice(from, from + 1 + r.below(60)));
  },
];

/** A file with one change, or a few: with many, all readers would stop at their beginnings. */
export function mutateBytes(r, file, other) {
  let out = file;
  for (let n = r.once(3) ? 1 + r.below(4) : 1; n > 0 && out.length > 0; n--) out = r.pick(changes)(r, out, other);
  return out;
}

/** Pieces that mean something where they are put, for text and for pickles. */
export function insertToken(r, file, tokens) {
  return splice(file, r.below(file.length + 1), r.below(4), r.pick(tokens));
}
