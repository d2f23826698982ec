import { HubError } from "./errors.ts";
import { hashKind } from "./hash-kind.ts";
import { isPage, pageError, statusError } from "./refusal.ts";
import type { OpenOptions } from "./weights.ts";

/** What is known of a file before it is fetched. */
export interface Expected {
  readonly size?: number | undefined;
  /** SHA-256 in hexadecimal, or git's SHA-1 of a blob. */
  readonly hash?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the file is worth telling `onProgress` of. */
  readonly progress?: boolean;
  /** What to say of an answer that is neither the file nor "not there". */
  readonly refused?: (response: Response) => Error;
}

/**
 * The bytes at an address by the platform's `fetch`, undefined where there are none (404, 410). What may pass is asked again; where
 * the hash is known, a connection that was cut goes on where it ended. A web page is refused: many servers answer all with one.
 */
export async function fetchBytes(
  url: URL,
  options: OpenOptions,
  expected: Expected = {},
): Promise<Uint8Array | undefined> {
  const { retries = 4, retryDelay = 500, signal } = options;
  const { hash, size } = expected;
  const parts: Uint8Array[] = [];
  const got = () => parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  for (let repetition = 0; ; repetition++) {
    signal?.throwIfAborted();
    const again = repetition < retries;
    if (repetition > 0) await pause(Math.min(8000, retryDelay * 2 ** (repetition - 1)), signal);
    if (hash === undefined) parts.length = 0; // nothing says that the rest would be of the same file
    const begin = got();
    const response = await ask(
      url,
      options,
      begin > 0 ? { ...expected.headers, range: `bytes=${begin}-` } : expected.headers,
    );
    const { status } = response;
    if (status === 404 || status === 410) return undefined;
    if (again && (status === 429 || (status >= 500 && status !== 501))) continue;
    if (!response.ok) {
      throw expected.refused?.(response) ?? statusError(status, (name) => response.headers.get(name), url.href);
    }
    if (status !== 206) parts.length = 0;
    if (/^\s*(text\/html|application\/xhtml)/i.test(response.headers.get("content-type") ?? "")) {
      await response.body?.cancel();
      throw pageError(url.href);
    }
    try {
      await readInto(parts, response, url, options, expected);
    } catch (error) {
      signal?.throwIfAborted();
      if (again) continue;
      throw new HubError("fetch-failed", `${url.href} was cut off: ${(error as Error).message}`, error);
    }
    const bytes = joined(parts);
    if (isPage(bytes)) throw pageError(url.href);
    if (size !== undefined && bytes.length !== size) {
      if (again && bytes.length < size) continue;
      throw new HubError(
        "wrong-size",
        `${url.href} gave ${bytes.length} bytes, ${size} were announced; nothing was kept, try again`,
      );
    }
    if (hash !== undefined && !(await hasHash(bytes, hash))) {
      throw new HubError(
        "wrong-hash",
        `${url.href} gave other bytes than announced (their hash is not ${hash.slice(0, 12)}…); nothing was kept, try again`,
      );
    }
    return bytes;
  }
}

async function ask(url: URL, options: OpenOptions, headers: Expected["headers"] = {}): Promise<Response> {
  const get = options.fetch ?? ((u, init) => fetch(u, init));
  try {
    return await get(url, { headers: { ...headers }, ...(options.signal ? { signal: options.signal } : {}) });
  } catch (error) {
    options.signal?.throwIfAborted();
    // a browser says no more, so that a page cannot look around in a network
    throw new HubError(
      "unreachable",
      `${url.href} cannot be fetched: ${(error as Error).message}; is there a network, and does the server allow this page to read it (CORS)?`,
      error,
    );
  }
}

async function readInto(parts: Uint8Array[], response: Response, url: URL, options: OpenOptions, expected: Expected) {
  let loaded = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  // With a content encoding the length is that of the encoded bytes.
  const length = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
  const total = expected.size ?? (length === null || !/^\d+$/.test(length) ? undefined : loaded + Number(length));
  const reader = response.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done || value === undefined) return;
    parts.push(value);
    loaded += value.byteLength;
    if (expected.progress) {
      options.onProgress?.({ url: url.href, file: url.pathname.split("/").pop() ?? "", loaded, total });
    }
  }
}

/** One array of all parts, which are let go one by one: a checkpoint is not held twice. */
function joined(parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (let part = parts.shift(); part; part = parts.shift()) {
    out.set(part, at);
    at += part.byteLength;
  }
  return out;
}

/** Whether bytes have an announced hash; true where it is of no known kind, or the page may not compute one (plain http). */
async function hasHash(bytes: Uint8Array, hash: string): Promise<boolean> {
  const kind = hashKind(hash);
  const subtle = globalThis.crypto?.subtle;
  if (kind === undefined || subtle === undefined) return true;
  let data = bytes as Uint8Array<ArrayBuffer>;
  if (kind === "git") {
    const head = new TextEncoder().encode(`blob ${bytes.length}\0`);
    data = new Uint8Array(head.length + bytes.length);
    data.set(head);
    data.set(bytes, head.length);
  }
  const digest = new Uint8Array(await subtle.digest(kind === "git" ? "SHA-1" : "SHA-256", data));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") === hash;
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
