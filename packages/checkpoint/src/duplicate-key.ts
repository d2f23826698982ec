/**
 * The first key that an object of a JSON text has twice; `JSON.parse` keeps the last one without a word, other readers the
 * first. The text must be one that `JSON.parse` takes. Time and memory are linear in it.
 */
export function duplicateKey(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = []; // the keys of each object around, undefined for a list
  const token = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g;
  for (let found = token.exec(json); found !== null; found = token.exec(json)) {
    const [text, colon] = found;
    if (text === "{") open.push(new Set());
    else if (text === "[") open.push(undefined);
    else if (text === "}" || text === "]") open.pop();
    else if (colon !== undefined) {
      const key = JSON.parse(text.slice(0, -colon.length)) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}
