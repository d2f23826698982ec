/** Names with places for numbers and endings: see `NameRule`. */

const ENDINGS: Readonly<Record<string, string>> = {
  wb: "weight|bias",
  bn: "weight|bias|running_mean|running_var|num_batches_tracked",
  any: ".+",
};

/** What the places of a pattern stood for. */
export type Places = Readonly<Record<string, string>>;

/** A pattern as a function from a name to its places; undefined for a name that does not match. */
export function matcher(pattern: string): (name: string) => Places | undefined {
  const keys: string[] = [];
  const source = pattern.replace(/[.*+?^$()|[\]\\/]|\{(\w+)\}/g, (all, key: string | undefined) => {
    if (key === undefined) return `\\${all}`;
    keys.push(key);
    return `(${ENDINGS[key] ?? "0|[1-9]\\d{0,5}"})`;
  });
  const expression = new RegExp(`^${source}$`);
  return (name) => {
    const found = expression.exec(name);
    return found ? Object.fromEntries(keys.map((key, i) => [key, found[i + 1] as string])) : undefined;
  };
}

/** The name that a pattern gives for places; `{s+1}` and `{s-1}` are one more and one less. */
export function fill(pattern: string, places: Places): string {
  return pattern.replace(/\{(\w+?)([+-]1)?\}/g, (_, key: string, step?: string) => {
    const value = places[key] as string;
    return step === undefined ? value : String(Number(value) + Number(step));
  });
}
