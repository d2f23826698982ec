import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * A path inside the folder of shared material that stands beside some checkouts, or undefined where it is absent:
 * a test that needs it skips, with the reason in its title.
 */
export function shared(...parts: readonly string[]): string | undefined {
  const path = fileURLToPath(new URL(["../../../../shared", ...parts].join("/"), import.meta.url));
  return existsSync(path) ? path : undefined;
}
