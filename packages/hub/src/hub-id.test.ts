import { join, resolve, sep } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { RepoCache } from "./cache.ts";
import { isHubError } from "./errors.ts";
import { assertInside, parseHubId, resolveUrl } from "./hub-id.ts";

const part = fc.oneof(
  fc.constantFrom("..", ".", "/", "\\", "@", "--", "%2F", "%2e%2e", "~", "\0", ":", "org", "x.y"),
  fc.string(),
);
const text = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(""));

test("whatever a name says, it is a repository inside the cache and one address on the hub, or it is refused", () => {
  const root = resolve("/cache");
  fc.assert(
    fc.property(text, text, fc.boolean(), (name, revision, explicit) => {
      let id: ReturnType<typeof parseHubId>;
      try {
        id = parseHubId(`${explicit ? "hf-hub:" : ""}${name}@${revision}`);
      } catch (error) {
        expect(isHubError(error)).toBe(true);
        return;
      }
      if (id === undefined) return;
      const { folder } = new RepoCache(root, id.repo);
      expect(folder.startsWith(root + sep)).toBe(true);
      expect(resolve(join(folder, "refs", id.revision)).startsWith(join(folder, "refs") + sep)).toBe(true);
      const url = resolveUrl("https://hub.example", id.repo, id.revision, "a b#?.json");
      expect(url.origin).toBe("https://hub.example");
      expect(url.pathname).toMatch(/^\/[\w.-]+\/[\w.-]+\/resolve\/[^/]+\/a%20b%23%3F\.json$/);
    }),
    { numRuns: 2000 },
  );
});

test("whatever a listing names, it is inside its repository, or it is refused", () => {
  const root = resolve("/cache/snapshots/x");
  fc.assert(
    fc.property(text, (path) => {
      try {
        assertInside(path, "org/repo");
      } catch (error) {
        expect(error).toMatchObject({ code: "unsafe-path" });
        return;
      }
      expect(resolve(join(root, path)).startsWith(root + sep)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
