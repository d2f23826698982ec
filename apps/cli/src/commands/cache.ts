import { listCache, pruneCache, verifyCache } from "@vitrail/hub";
import { megabytes } from "../fetching.ts";
import { colorsFor, print, say, table } from "../io.ts";
import { plain } from "../user-error.ts";

interface Json {
  readonly json?: boolean;
}

/** `vitrail cache list`. */
export function list({ json }: Json): number {
  const found = listCache();
  if (json) {
    print(JSON.stringify(found, null, 2));
    return 0;
  }
  if (found.length === 0) {
    say('the cache is empty; "vitrail download ID" fills it');
    return 0;
  }
  const { bold, dim } = colorsFor(process.stdout);
  const rows = found.flatMap((repo) =>
    (repo.revisions.length > 0 ? repo.revisions : [undefined]).map((revision, i) => [
      i === 0 ? plain(repo.name) : "",
      i === 0 ? `${megabytes(repo.bytes)} MB` : "",
      revision?.refs.join(", ") ?? "",
      revision?.commit.slice(0, 12) ?? "",
      String(revision?.files.length ?? 0),
    ]),
  );
  const lines = table([["name", "on disk", "refs", "commit", "files"], ...rows], [false, true, false, false, true]);
  for (const [i, line] of lines.entries()) print(i === 0 ? bold(line) : line);
  print(dim(`${megabytes(found.reduce((sum, { bytes }) => sum + bytes, 0))} MB`));
  return 0;
}

/** `vitrail cache verify`: 1 where anything is wrong. */
export async function verify({ json, remove = false }: Json & { remove?: boolean }): Promise<number> {
  const problems = await verifyCache({ remove });
  if (json) print(JSON.stringify(problems, null, 2));
  else if (problems.length === 0) print("every file is what its name says");
  else {
    const { red } = colorsFor(process.stdout);
    for (const { path, what } of problems) print(`${red(plain(path))}: ${what}`);
    say(
      remove
        ? "removed; the next use fetches them anew"
        : "vitrail cache verify --remove takes them away, so that the next use fetches them anew",
    );
  }
  return problems.length === 0 || remove ? 0 : 1;
}

/** `vitrail cache prune`. */
export function prune({ json, dryRun = false }: Json & { dryRun?: boolean }): number {
  const gone = pruneCache({ dryRun });
  if (json) {
    print(JSON.stringify(gone, null, 2));
    return 0;
  }
  for (const { path } of gone) print(plain(path));
  const bytes = gone.reduce((sum, one) => sum + one.bytes, 0);
  say(`${gone.length} removed, ${megabytes(bytes)} MB freed${dryRun ? " (only said, with --dry-run)" : ""}`);
  return 0;
}
