import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { gitBlobSha1, LARGE, type StubFiles, type StubRepo, sha256 } from "./stub-repo.ts";

/** What came in. */
export interface StubRequest {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly headers: IncomingMessage["headers"];
  /** "hub", or "cdn" where a redirect led to the second host name. */
  readonly at: "hub" | "cdn";
}

/** How one answer goes wrong. */
export interface Fault {
  /** Answers this status instead; with `code` as X-Error-Code. */
  readonly status?: number;
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Answers any path with 200 and this body: a captive portal, a development server. */
  readonly page?: string;
  /** Ends the connection after so many bytes of the body. */
  readonly cutAfter?: number;
  /** Sends no more after so many bytes of the body, and keeps the connection open. */
  readonly stallAfter?: number;
  /** Ends the connection before any answer. */
  readonly reset?: boolean;
  /** Never answers. */
  readonly silent?: boolean;
  /** Changes the body; its length too, if it likes. */
  readonly body?: (bytes: Uint8Array) => Uint8Array;
  /** Changes headers just before they go out; undefined takes one away. */
  readonly change?: Readonly<Record<string, string | undefined>>;
}

/** A hub on loopback. */
export interface StubHub {
  /** For HF_ENDPOINT: http://127.0.0.1:PORT. Large files redirect to http://localhost:PORT. */
  readonly endpoint: string;
  readonly repos: Record<string, StubRepo>;
  /** Every request so far; tests may empty it. */
  readonly requests: StubRequest[];
  /** Asked before each answer; what it gives goes wrong. */
  fault: ((request: StubRequest) => Fault | undefined) | undefined;
  /** The commit of a revision. */
  commit(repo: string, revision?: string): string;
  close(): Promise<void>;
}

/** Starts a hub that speaks what a client needs to list, look up and download files. */
export async function startStubHub(repos: Record<string, StubRepo>): Promise<StubHub> {
  const sockets = new Set<Socket>();
  const requests: StubRequest[] = [];
  const server = createServer((request, response) => {
    answer(hub, request, response).catch((error: Error) => {
      response.destroy(error);
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const commits = new Map<StubFiles, string>();
  const hub: StubHub = {
    endpoint: `http://127.0.0.1:${port}`,
    repos,
    requests,
    fault: undefined,
    commit(repo, revision = "main") {
      const files = repos[repo]?.revisions[revision];
      if (files === undefined) throw new Error(`the stub has no ${repo} at ${revision}`);
      let commit = commits.get(files);
      if (commit === undefined) {
        const hash = createHash("sha1").update(`${repo} ${revision}`);
        for (const [path, content] of Object.entries(files)) hash.update(path).update(content);
        commit = hash.digest("hex");
        commits.set(files, commit);
      }
      return commit;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
  return hub;
}

async function answer(hub: StubHub, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const host = request.headers.host ?? "";
  const url = new URL(request.url ?? "/", hub.endpoint);
  const seen: StubRequest = {
    method: request.method ?? "GET",
    path: request.url ?? "/",
    host,
    headers: request.headers,
    at: host.startsWith("localhost") ? "cdn" : "hub",
  };
  hub.requests.push(seen);
  const send = sender(hub.fault?.(seen), request, response);
  if (send === undefined) return;
  if (seen.at === "cdn") return cdn(hub, url, seen, send);
  const api = /^\/api\/models\/([^/]+\/[^/]+)(?:\/(revision|tree)\/([^/]+)(?:\/(.+))?)?$/.exec(url.pathname);
  const file = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
  const id = api?.[1] ?? file?.[1];
  if (id === undefined) return send(404, {}, "Not Found");
  const repo = Object.hasOwn(hub.repos, id) ? hub.repos[id] : undefined;
  const refused = refusal(repo, request.headers.authorization);
  if (refused) return send(refused.status, { "x-error-code": refused.code, "x-error-message": refused.message }, "");
  if (repo === undefined)
    return send(401, { "x-error-code": "RepoNotFound", "x-error-message": "Invalid username or password." }, "");
  const wanted = decodeURIComponent(api?.[3] ?? file?.[2] ?? "main");
  const revision = Object.keys(repo.revisions).find((name) => name === wanted || hub.commit(id, name) === wanted);
  if (revision === undefined) {
    return send(404, { "x-error-code": "RevisionNotFound", "x-error-message": `Invalid rev id: ${wanted}` }, "");
  }
  const files = repo.revisions[revision] as StubFiles;
  const commit = hub.commit(id, revision);
  if (api) return api[2] === "tree" ? tree(files, send) : info(id, commit, files, send);
  return resolve(hub, files, commit, decodeURIComponent(file?.[3] ?? ""), send);
}

type Send = (status: number, headers: Readonly<Record<string, string>>, body: string | Uint8Array) => undefined;

function refusal(repo: StubRepo | undefined, authorization: string | undefined) {
  const access = repo?.access;
  if (!access || (access.token !== undefined && authorization === `Bearer ${access.token}`)) return undefined;
  if (access.kind === "forbidden") return { status: 403, code: "", message: "Forbidden." };
  if (access.kind === "private") return { status: 401, code: "RepoNotFound", message: "Repository not found" };
  return { status: authorization ? 403 : 401, code: "GatedRepo", message: "Access to this model is restricted." };
}

function info(id: string, sha: string, files: StubFiles, send: Send): undefined {
  const siblings = Object.keys(files).map((rfilename) => ({ rfilename }));
  const body = {
    _id: sha.slice(0, 24),
    id,
    modelId: id,
    sha,
    private: false,
    gated: false,
    tags: [],
    downloads: 0,
    siblings,
  };
  send(200, { "content-type": "application/json; charset=utf-8" }, JSON.stringify(body));
}

function tree(files: StubFiles, send: Send): undefined {
  const folders = new Set<string>();
  const entries = Object.entries(files).map(([path, content]) => {
    const parts = path.split("/").slice(0, -1);
    parts.forEach((_, i) => {
      folders.add(parts.slice(0, i + 1).join("/"));
    });
    const bytes = bytesOf(content);
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256(bytes)}\nsize ${bytes.length}\n`;
    if (!LARGE.test(path)) return { type: "file", oid: gitBlobSha1(bytes), size: bytes.length, path };
    const lfs = { oid: sha256(bytes), size: bytes.length, pointerSize: pointer.length };
    return { type: "file", oid: gitBlobSha1(Buffer.from(pointer)), size: bytes.length, path, lfs };
  });
  const directories = [...folders].map((path) => ({
    type: "directory",
    oid: sha256(Buffer.from(path)).slice(0, 40),
    size: 0,
    path,
  }));
  send(200, { "content-type": "application/json; charset=utf-8" }, JSON.stringify([...directories, ...entries]));
}

function resolve(hub: StubHub, files: StubFiles, commit: string, path: string, send: Send): undefined {
  const found = Object.hasOwn(files, path) ? bytesOf(files[path] as string) : undefined;
  const at = { "x-repo-commit": commit };
  if (found === undefined) {
    return send(
      404,
      { ...at, "x-error-code": "EntryNotFound", "x-error-message": "Entry not found" },
      "Entry not found",
    );
  }
  if (!LARGE.test(path)) {
    return send(200, { ...at, etag: `"${gitBlobSha1(found)}"`, "content-type": "text/plain; charset=utf-8" }, found);
  }
  const hash = sha256(found);
  const location = `${hub.endpoint.replace("127.0.0.1", "localhost")}/cdn/${hash}?Signature=secret-signature`;
  const linked = { "x-linked-etag": `"${hash}"`, "x-linked-size": String(found.length) };
  send(302, { ...at, ...linked, location }, `Found. Redirecting to ${location}`);
}

/** The second host: content by its hash. A token that comes here has leaked. */
function cdn(hub: StubHub, url: URL, request: StubRequest, send: Send): undefined {
  if (request.headers.authorization) return send(400, {}, "Only one auth mechanism allowed");
  const wanted = url.pathname.replace("/cdn/", "");
  for (const repo of Object.values(hub.repos)) {
    for (const files of Object.values(repo.revisions)) {
      for (const [path, content] of Object.entries(files)) {
        if (!LARGE.test(path) || sha256(bytesOf(content)) !== wanted) continue;
        return send(200, { etag: `"${wanted.slice(0, 32)}"`, "content-type": "binary/octet-stream" }, bytesOf(content));
      }
    }
  }
  send(404, {}, "<Error><Code>NoSuchKey</Code></Error>");
}

function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === "string" ? Buffer.from(content) : content;
}

/** Answers as told, with ranges, and goes wrong as the fault says. Undefined where nothing is left to answer. */
function sender(fault: Fault | undefined, request: IncomingMessage, response: ServerResponse): Send | undefined {
  if (fault?.silent) return undefined;
  if (fault?.reset) {
    request.socket.destroy();
    return undefined;
  }
  const headOnly = request.method === "HEAD";
  const write: Send = (status, headers, body) => {
    const changed = fault?.body && status < 300 ? fault.body(bytesOf(body)) : bytesOf(body);
    const all: Record<string, string | undefined> = {
      "access-control-allow-origin": "*",
      "access-control-expose-headers": "X-Repo-Commit,X-Error-Code,X-Linked-Size,X-Linked-ETag,ETag,Content-Range",
      "content-length": String(changed.length),
      ...headers,
      ...fault?.headers,
      ...fault?.change,
    };
    for (const [name, value] of Object.entries(all)) if (value !== undefined) response.setHeader(name, value);
    response.writeHead(status);
    if (headOnly) {
      response.end();
      return undefined;
    }
    const limit = fault?.cutAfter ?? fault?.stallAfter;
    if (limit === undefined) {
      response.end(changed);
      return undefined;
    }
    response.write(changed.subarray(0, limit), () => {
      if (fault?.cutAfter !== undefined) request.socket.destroy();
    });
    return undefined;
  };
  if (fault?.page !== undefined) {
    write(200, { "content-type": "text/html; charset=utf-8" }, fault.page);
    return undefined;
  }
  if (fault?.status !== undefined) {
    write(fault.status, fault.code ? { "x-error-code": fault.code } : {}, "");
    return undefined;
  }
  return (status, headers, body) => {
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    if (status !== 200 || range === null || headers["content-type"]?.includes("json"))
      return write(status, headers, body);
    const bytes = bytesOf(body);
    const begin = Number(range[1]);
    const end = range[2] ? Math.min(Number(range[2]) + 1, bytes.length) : bytes.length;
    if (begin >= bytes.length) return write(416, { ...headers, "content-range": `bytes */${bytes.length}` }, "");
    const part = { ...headers, "content-range": `bytes ${begin}-${end - 1}/${bytes.length}`, "accept-ranges": "bytes" };
    write(206, part, bytes.subarray(begin, end));
  };
}
