import type { HubSettings } from "./env.ts";
import { HubError } from "./errors.ts";
import type { OpenOptions } from "./weights.ts";

/** One request: no redirect is followed, and a status of any kind is an answer. */
export type Fetch = (
  url: URL,
  init: { method?: string; headers?: Record<string, string>; redirect?: "manual"; signal?: AbortSignal },
) => Promise<Response>;

/** The network as the downloads see it. */
export interface Http {
  /** Requests with redirects followed, time-outs, and repetition of what may pass: 429, 5xx, lost connections. */
  request(url: URL, options?: RequestOptions): Promise<Answer>;
  /** Waits before the repetition with this number, from 0; false where there are no more. */
  pause(repetition: number, retryAfter?: string | null): Promise<boolean>;
  close(): Promise<void>;
}

/** How to ask. */
export interface RequestOptions {
  readonly method?: "GET" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  /** Stop at the first answer for which this holds, also a redirect. */
  readonly enough?: (hop: Response) => boolean;
}

/** The last answer, and what the hub said on the way to it. */
export interface Answer {
  readonly response: Response;
  /** Without query and credentials: fit to be shown. */
  readonly shown: string;
  /** The first header of this name on the way. */
  header(name: string): string | null;
}

const MAX_HOPS = 8;

/** Opens the network for one load. The client comes in when it is needed first. */
export async function openHttp(settings: HubSettings, options: OpenOptions): Promise<Http> {
  const { signal, retries = 4, retryDelay = 500 } = options;
  const { fetch, close } = options.fetch
    ? { fetch: options.fetch as Fetch, close: async () => {} }
    : await client(settings);
  const home = new URL(settings.endpoint).origin;

  const pause = async (repetition: number, retryAfter?: string | null): Promise<boolean> => {
    if (repetition >= retries) return false;
    const asked = /^\d+$/.test(retryAfter ?? "") ? Number(retryAfter) * 1000 : 0;
    if (asked > 60_000) return false;
    const own = Math.min(8000, retryDelay * 2 ** repetition) * (0.75 + Math.random() / 2);
    await sleep(Math.max(asked, own), signal);
    return true;
  };

  const once = async (first: URL, { method = "GET", headers = {}, enough }: RequestOptions): Promise<Answer> => {
    const hops: Response[] = [];
    for (let url = first; ; ) {
      // The token is for the hub's own host: a redirect elsewhere goes without.
      const token = url.origin === home ? settings.token : undefined;
      const response = await fetch(url, {
        method,
        headers: { "accept-encoding": "identity", ...headers, ...(token ? { authorization: `Bearer ${token}` } : {}) },
        redirect: "manual",
        ...(signal ? { signal } : {}),
      });
      hops.push(response);
      const location = response.status >= 300 && response.status < 400 ? response.headers.get("location") : null;
      if (location === null || enough?.(response)) {
        const header = (name: string) =>
          hops.map((hop) => hop.headers.get(name)).find((value) => value !== null) ?? null;
        return { response, shown: shown(url), header };
      }
      await response.body?.cancel();
      if (hops.length >= MAX_HOPS)
        throw new HubError("fetch-failed", `${shown(first)} redirects ${MAX_HOPS} times; giving up`);
      url = new URL(location, url);
      if (!/^https?:$/.test(url.protocol)) {
        throw new HubError(
          "fetch-failed",
          `${shown(first)} redirects to a ${url.protocol} address, which is not followed`,
        );
      }
    }
  };

  return {
    pause,
    close,
    async request(url, requestOptions = {}) {
      for (let repetition = 0; ; repetition++) {
        signal?.throwIfAborted();
        let answer: Answer;
        try {
          answer = await once(url, requestOptions);
        } catch (error) {
          signal?.throwIfAborted();
          if ((error as Error).name === "HubError") throw error;
          if (mayPass(error) && (await pause(repetition))) continue;
          throw unreachable(url, error);
        }
        const { status } = answer.response;
        if (status !== 429 && !(status >= 500 && status !== 501)) return answer;
        const retryAfter = answer.response.headers.get("retry-after");
        if (!(await pause(repetition, retryAfter))) return answer;
        await answer.response.body?.cancel();
      }
    },
  };
}

/** undici's fetch rather than the global one: it takes the proxy of the environment, and a time-out for connecting. */
async function client({
  connectTimeout,
  stallTimeout,
}: HubSettings): Promise<{ fetch: Fetch; close: () => Promise<void> }> {
  const { EnvHttpProxyAgent, fetch } = await import("undici");
  const timeout = { timeout: connectTimeout };
  const agent = new EnvHttpProxyAgent({
    connect: timeout,
    proxyTls: timeout,
    requestTls: timeout,
    headersTimeout: stallTimeout,
    bodyTimeout: stallTimeout,
  });
  return {
    fetch: (url, init) => fetch(url, { ...init, dispatcher: agent }) as unknown as Promise<Response>,
    close: () => agent.destroy(),
  };
}

/** Whether the same request may succeed in a moment. Without a network, a name or a listener nothing changes that fast. */
export function mayPass(error: unknown): boolean {
  const code = codeOf(error);
  return (
    !isBadPort(error) &&
    !/^(ENOTFOUND|EAI_|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|UND_ERR_CONNECT_TIMEOUT|CERT_|ERR_TLS|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|ERR_INVALID)/.test(
      code,
    )
  );
}

/** No answer at all, in words. */
export function unreachable(url: URL, error: unknown): HubError {
  const { host } = url;
  const code = codeOf(error);
  const proxy = process.env.HTTPS_PROXY || process.env.https_proxy || process.env.HTTP_PROXY || process.env.http_proxy;
  const advice = proxy
    ? "check the network and the proxy of HTTPS_PROXY"
    : "check the network, and HTTPS_PROXY where a proxy is needed";
  let reason: string;
  if (/^(ENOTFOUND|EAI_)/.test(code)) reason = `the name ${host} is not known (DNS)`;
  else if (isBadPort(error)) reason = `${host} is a port that fetch refuses`;
  else if (code === "ECONNREFUSED") reason = `nothing listens at ${host}`;
  else if (/^(ENETUNREACH|EHOSTUNREACH)$/.test(code)) reason = `no route leads to ${host}`;
  else if (code === "UND_ERR_CONNECT_TIMEOUT" || code === "ETIMEDOUT") reason = `${host} gave no connection in time`;
  else if (/^UND_ERR_(HEADERS|BODY)_TIMEOUT$/.test(code)) reason = `${host} gave no answer in time`;
  else if (/CERT|TLS|UNABLE_TO|SELF_SIGNED/.test(code))
    reason = `the certificate of ${host} is not trusted (${code}; see NODE_EXTRA_CA_CERTS)`;
  else reason = `the connection to ${host} was lost${code ? ` (${code})` : ""}`;
  return new HubError("unreachable", `${shown(url)} cannot be fetched: ${reason}; ${advice}`, error);
}

/** Ports of other protocols, which the fetch standard leaves out (https://fetch.spec.whatwg.org/#port-blocking). */
function isBadPort(error: unknown): boolean {
  return ((error as Error).cause as Error | undefined)?.message === "bad port";
}

/** The system's code under a fetch error, which keeps it as a cause. */
function codeOf(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const inner = (at as { errors?: unknown[] }).errors?.[0]; // one for each address of the host
    const code = (at as { code?: unknown }).code ?? (inner as { code?: unknown } | undefined)?.code;
    if (typeof code === "string") return code;
  }
  return "";
}

/** An address without its secrets: no credentials, and no query, which may be a signature. */
export function shown(url: URL): string {
  return `${url.origin === "null" ? `${url.protocol}//${url.host}` : url.origin}${url.pathname}`;
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
