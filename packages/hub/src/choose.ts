import { HubError } from "./errors.ts";

const OTHER_ENDINGS = /\.(pth|pt|bin|th|ckpt|npz|npy|pth\.tar|h5|msgpack)$/i;
const MAX_SNIFFED = 64;

/**
 * The checkpoint among names, of a folder or of a repository: `model.safetensors`, else a sharded one by its index, else the single
 * checkpoint of any name.
 *
 * @param where what has these files, for the message
 * @param sniff whether a file is a checkpoint by content, where its name says nothing
 */
export function chooseCheckpoint(names: readonly string[], where: string, sniff?: (name: string) => boolean): string {
  for (const first of ["model.safetensors", "model.safetensors.index.json"]) {
    if (names.includes(first)) return first;
  }
  const indices = names.filter((n) => /\.safetensors\.index\.json$/i.test(n));
  if (indices.length === 1) return indices[0] as string;
  const tiers = [
    () => indices,
    () => names.filter((n) => /\.safetensors$/i.test(n)),
    () => names.filter((n) => n === "pytorch_model.bin"),
    () => names.filter((n) => /\.bin\.index\.json$/i.test(n)),
    () => names.filter((n) => OTHER_ENDINGS.test(n)),
    () => (sniff ? names.slice(0, MAX_SNIFFED).filter(sniff) : []),
  ];
  for (const tier of tiers) {
    const found = tier();
    if (found.length === 1) return found[0] as string;
    if (found.length > 1) {
      const list = found.slice(0, 8).join(", ") + (found.length > 8 ? ", ..." : "");
      throw new HubError(
        "several-checkpoints",
        `${where} has ${found.length} checkpoints (${list}); give the path or address of one, or name it model.safetensors`,
      );
    }
  }
  const seen =
    names.length === 0
      ? "it has no files"
      : `its files: ${names.slice(0, 8).join(", ")}${names.length > 8 ? ", ..." : ""}`;
  throw new HubError("no-checkpoint", `${where} has no checkpoint, expected model.safetensors; ${seen}`);
}
