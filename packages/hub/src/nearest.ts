/**
 * The names most like a wanted one, best first: letter case and Unicode form aside, at most a third of it different.
 */
export function nearestNames(wanted: string, names: Iterable<string>, limit = 3): string[] {
  const target = fold(wanted);
  const most = Math.max(2, Math.floor(target.length / 3));
  const scored: { name: string; distance: number }[] = [];
  for (const name of names) {
    const candidate = fold(name);
    if (Math.abs(candidate.length - target.length) > most) continue;
    const distance = editDistance(target, candidate);
    if (distance <= most) scored.push({ name, distance });
  }
  scored.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  return scored.slice(0, limit).map((s) => s.name);
}

function fold(name: string): string {
  return name.normalize("NFC").toLowerCase().slice(0, 200);
}

/** Levenshtein: insertions, deletions and substitutions that turn one string into the other. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitute, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
