import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of this app: built, from source, and in tests. */
export const app = fileURLToPath(new URL("..", import.meta.url)).replace(/[\\/]$/, "");
/** The repository. */
export const root = join(app, "../..");

/** The folder of a recipe's log, curves and report: they are committed. */
export function resultsOf(recipe: string): string {
  return join(app, "results", recipe);
}

/** The nearest folder upwards that has a package.json. */
export function packageAround(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, "package.json"))) return at;
    if (dirname(at) === at) return undefined;
  }
}
