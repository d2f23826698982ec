import { HubError } from "./errors.ts";

/** A repository on the hub, at a branch, tag or commit. */
export interface HubId {
  /** `org/name`. */
  readonly repo: string;
  readonly revision: string;
}

const FILE_ENDING = /\.(safetensors|pth|pt|bin|th|ckpt|npz|npy|tar|h5|msgpack|onnx|json|txt|md|zip|gz|t7|pkl)$/i;
const PREFIX = /^(hf-hub|hf_hub|hf):(\/\/)?/;

/** Whether a text says that it is a name on the hub and nothing else. */
export function isExplicit(text: string): boolean {
  return PREFIX.test(text);
}

/**
 * Reads a name on the hub: `org/repo`, `org/repo@revision`, or a timm name with its tag (`resnet50.a1_in1k`), which is
 * in the organisation `timm`. The prefix `hf-hub:` says that it can be nothing else.
 *
 * @returns undefined for what does not look like one: a path, an address
 * @throws HubError ("bad-id") for what looks like one and cannot be: `org/repo@../../x`
 */
export function parseHubId(text: string): HubId | undefined {
  const explicit = isExplicit(text);
  const plain = text.replace(PREFIX, "");
  const at = plain.indexOf("@");
  const name = at < 0 ? plain : plain.slice(0, at);
  const revision = at < 0 ? "main" : plain.slice(at + 1);
  const repo = /^[a-z0-9_]+\.\w+$/i.test(name) ? `timm/${name}` : name;
  const looks = /^\w[\w.-]*\/\w[\w.-]*$/.test(repo) && (explicit || at >= 0 || !FILE_ENDING.test(repo));
  if (!looks) {
    if (!explicit) return undefined;
    throw new HubError(
      "bad-id",
      `${JSON.stringify(text)} is no name on the hub; expected org/repo or org/repo@revision`,
    );
  }
  // The rules of Python's huggingface_hub, so that both call a cache folder the same.
  if (repo.length > 96 || /--|\.\.|[.-]$|[.-]\/|\.git$/.test(repo)) {
    throw new HubError(
      "bad-id",
      `${JSON.stringify(repo)} cannot be a repository's name; check it for "--", ".." and a last "." or "-"`,
    );
  }
  assertRevision(revision);
  return { repo, revision };
}

/** The address of a repository's page, as people copy it, means the repository. */
export function hubIdOfPage(url: URL, endpoint: string): HubId | undefined {
  const found = /^\/([^/]+\/[^/]+?)(?:\/tree\/([^/]+))?\/?$/.exec(url.pathname);
  const isFile = /\.(safetensors|pth|pt|bin|th|npz|json)$/i.test(url.pathname);
  if (found === null || isFile || url.origin !== new URL(endpoint).origin) return undefined;
  let revision = found[2] ?? "main";
  try {
    revision = decodeURIComponent(revision);
  } catch {
    // a percent sign that encodes nothing: refused below as it stands
  }
  return parseHubId(`hf-hub:${found[1]}@${revision}`);
}

/** Refuses a revision that git would, or that leads out of a folder. */
export function assertRevision(revision: string): void {
  const parts = revision.split("/");
  const bad = parts.some((part) => part === "" || part === "." || part.includes("..") || /^\.|\.lock$/.test(part));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (!bad && revision.length <= 250 && !/[\u0000-\u0020\u007f\\~^:?*[]/.test(revision)) return;
  throw new HubError(
    "bad-id",
    `${JSON.stringify(revision)} is no revision; expected a branch, a tag, a commit or refs/pr/NUMBER`,
  );
}

/** Refuses a file name, from a listing or an index, that leads out of its repository. */
export function assertInside(path: string, repo: string): void {
  const parts = path.split("/");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (!parts.some((part) => part === "" || part === "." || part === "..") && !/[\u0000-\u001f\\:]/.test(path)) return;
  throw new HubError(
    "unsafe-path",
    `${repo} names the file ${JSON.stringify(path)}, which is not inside it; nothing was written`,
  );
}

/** A full commit hash, as in the cache's folder names. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/** The address of a file. A revision with slashes is one segment. */
export function resolveUrl(endpoint: string, repo: string, revision: string, path: string): URL {
  const file = path.split("/").map(encodeURIComponent).join("/");
  return new URL(`${endpoint}/${repo}/resolve/${encodeURIComponent(revision)}/${file}`);
}
