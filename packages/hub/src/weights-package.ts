import { createRequire } from "node:module";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { HubError } from "./errors.ts";

/**
 * The folder of an installed weights package, for `openWeights`. Found as an import from the caller would find it,
 * else from here, else from the working directory.
 *
 * @param name e.g. `@vitrail/weights-cifar10`
 * @param from the caller's `import.meta.url`: with strict package managers only who depends on a package sees it
 * @throws HubError ("no-package")
 */
export function weightsPackage(name: string, from?: string | URL): string {
  const starts = [from, import.meta.url, pathToFileURL(`${process.cwd()}/`)];
  for (const start of starts) {
    if (start === undefined) continue;
    try {
      return dirname(createRequire(start).resolve(`${name}/package.json`));
    } catch {
      // not to be seen from there
    }
  }
  throw new HubError("no-package", `the weights package ${name} is not installed; add it with \`npm install ${name}\``);
}
