import { distance } from "fastest-levenshtein";

/** The names nearest to a mistyped one, nearest first; none that has little to do with it. */
export function nearest(name: string, names: readonly string[], count = 3): string[] {
  const wanted = name.toLowerCase().replaceAll("-", "_");
  return names
    .map((candidate) => ({ candidate, d: score(wanted, candidate.toLowerCase()) }))
    .filter(({ candidate, d }) => d <= Math.max(3, Math.max(wanted.length, candidate.length) * 0.5))
    .sort((a, b) => a.d - b.d || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, count)
    .map(({ candidate }) => candidate);
}

/** Edit distance; a beginning of the name ("vit_tiny") counts as near, whatever follows. */
function score(wanted: string, candidate: string): number {
  const d = distance(wanted, candidate);
  return wanted.length >= 3 && candidate.startsWith(wanted) ? Math.min(d, 1) : d;
}

/** " Did you mean a, b or c?" or nothing. */
export function didYouMean(name: string, names: readonly string[]): string {
  const near = nearest(name, names);
  if (near.length === 0) return "";
  const last = near.pop() as string;
  return ` Did you mean ${near.length > 0 ? `${near.join(", ")} or ` : ""}${last}?`;
}
