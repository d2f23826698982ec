import { findTfjsNode } from "@repo/tfjs-node";
import { type BackendName, useBackend } from "@vitrail/tensor";
import { beforeAll, describe } from "vitest";

/**
 * Tests that run on each of the backends, one after another. Those on tfjs-node skip, with the reason in their title, where
 * tooling/tfjs-node has not built it.
 *
 * @param about what follows the backend's name in the title
 */
export function onBackends<Name extends BackendName>(
  names: readonly Name[],
  tests: (backend: Name) => void,
  about = "",
): void {
  for (const name of names) {
    const { module, reason } = name === "tfjs-node" ? findTfjsNode() : {};
    const why = reason === undefined ? "" : ` (${reason})`;
    describe.skipIf(reason !== undefined)(`on ${name}${about}${why}`, () => {
      beforeAll(async () => {
        await useBackend(name, module === undefined ? {} : { nativeModule: module });
      });
      tests(name);
    });
  }
}
