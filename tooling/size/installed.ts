import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";

/** The names of all packages that an install of the one in `folder` brings in: its dependencies and theirs. */
export function installedWith(folder: string): ReadonlySet<string> {
  const names = new Set<string>();
  const visited = new Set<string>();
  const visit = (path: string): void => {
    const real = realpathSync(path);
    if (visited.has(real)) return;
    visited.add(real);
    const manifest = JSON.parse(readFileSync(join(real, "package.json"), "utf8"));
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
      names.add(name);
      const found = lookUp(real, name);
      if (found !== undefined) visit(found); // an optional one for another platform is absent
    }
  };
  visit(folder);
  return names;
}

function lookUp(from: string, name: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, "node_modules", name);
    if (existsSync(path)) return path;
    if (folder === dirname(folder)) return undefined;
  }
}
