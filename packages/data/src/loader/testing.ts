// Helpers of the loader's tests; not part of the package's build.
import type { SampleSource, Split } from "../datasets/types.ts";
import { fileNamed, noise, sha256 } from "../testing.ts";
import type { Batch } from "./types.ts";

/** A split of small random pictures, sizes and kinds of source mixed; every `bad`-th is a file that is cut off. */
export function splitOf(
  length: number,
  options: { bad?: number; kinds?: readonly SampleSource["kind"][] } = {},
): Split {
  const { bad, kinds = ["pixels", "bytes"] } = options;
  const file = fileNamed(SMALL);
  return {
    name: "train",
    length,
    label: (i) => i % 3,
    nameOf: (i) => `sample-${i}`,
    source(i) {
      if (bad && i % bad === bad - 1) return { kind: "bytes", bytes: file.subarray(0, file.length >> 1) };
      if (kinds[i % kinds.length] === "bytes") return { kind: "bytes", bytes: file };
      return { kind: "pixels", image: noise(12 + (i % 5), 10 + (i % 7), i) };
    },
  };
}

/** A small colour PNG among the goldens. */
export const SMALL = "rgb.png";

/** What a pass gives, as text to compare. */
export async function digest(batches: AsyncIterable<Batch>): Promise<string[]> {
  const out: string[] = [];
  for await (const { images, labels, indices, targets, size } of batches)
    out.push([size, indices.join(), labels.join(), sha256(images), targets ? sha256(targets) : ""].join(" "));
  return out;
}
