import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** What a model card states. */
export interface Card {
  /** A share, 0 to 1, and the name of the data that it is of. */
  readonly top1: number | null;
  readonly data: string | null;
  readonly license: string | null;
  /** The first that it links on arXiv, as the hub reads cards. */
  readonly paper: string | null;
}

/** Reads the card of a weights folder: its front matter, in the form of the hub (`model-index`). Without a card nothing is stated. */
export async function cardIn(folder: string): Promise<Card> {
  const text = await readFile(join(folder, "MODEL_CARD.md"), "utf8").catch(() => "");
  const front = /^---\r?\n([\s\S]*?)\r?\n---/.exec(text)?.[1];
  const { parse } = await import("yaml");
  const stated = (front === undefined ? {} : parse(front)) as FrontMatter;
  const result = stated["model-index"]?.[0]?.results?.[0];
  return {
    top1: result?.metrics?.find(({ type }) => type === "accuracy")?.value ?? null,
    data: result?.dataset?.name ?? null,
    license: stated.license ?? null,
    paper: /https:\/\/arxiv\.org\/abs\/[\w./-]*\w/.exec(text)?.[0] ?? null,
  };
}

interface FrontMatter {
  readonly license?: string;
  readonly "model-index"?: readonly {
    readonly results?: readonly {
      readonly dataset?: { readonly name?: string };
      readonly metrics?: readonly { readonly type?: string; readonly value?: number }[];
    }[];
  }[];
}
