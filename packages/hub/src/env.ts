import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { HubError } from "./errors.ts";
import type { OpenOptions } from "./weights.ts";

/** Where the hub is, where its cache is, and who asks. */
export interface HubSettings {
  /** Without a slash at its end. */
  readonly endpoint: string;
  /** The folder that Python's huggingface_hub uses too. */
  readonly cacheDir: string;
  /** For files from plain addresses, which that cache has no place for. */
  readonly urlCacheDir: string;
  readonly token: string | undefined;
  readonly offline: boolean;
  readonly symlinks: boolean;
  /** Milliseconds until a connection stands. */
  readonly connectTimeout: number;
  /** Milliseconds without a byte. */
  readonly stallTimeout: number;
}

/**
 * Settings of the environment, as Python's huggingface_hub reads them: HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN and the token file,
 * HF_HUB_OFFLINE, HF_HUB_ETAG_TIMEOUT, HF_HUB_DOWNLOAD_TIMEOUT, HF_HUB_DISABLE_SYMLINKS. Options come first.
 */
export function hubSettings(options: OpenOptions = {}, env: NodeJS.ProcessEnv = process.env): HubSettings {
  const xdg = env.XDG_CACHE_HOME || join(homedir(), ".cache");
  const home = expanded(env.HF_HOME, env) ?? join(expanded(xdg, env) as string, "huggingface");
  const cacheDir =
    options.cacheDir ??
    expanded(env.HF_HUB_CACHE, env) ??
    expanded(env.HUGGINGFACE_HUB_CACHE, env) ??
    join(home, "hub");
  return {
    endpoint: endpointOf(options.endpoint ?? (env.HF_ENDPOINT || "https://huggingface.co")),
    cacheDir: resolve(cacheDir),
    urlCacheDir: resolve(options.cacheDir ? join(options.cacheDir, ".vitrail") : join(home, "vitrail")),
    token: tokenOf(options.token, env, home),
    offline: options.offline ?? isTrue(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE),
    symlinks: !isTrue(env.HF_HUB_DISABLE_SYMLINKS),
    connectTimeout: options.connectTimeout ?? seconds(env.HF_HUB_ETAG_TIMEOUT, 10),
    stallTimeout: options.stallTimeout ?? seconds(env.HF_HUB_DOWNLOAD_TIMEOUT, 20),
  };
}

function endpointOf(text: string): string {
  try {
    const url = new URL(text);
    if (url.protocol === "http:" || url.protocol === "https:") return text.replace(/\/+$/, "");
  } catch {
    // said below
  }
  throw new HubError(
    "bad-option",
    `the hub's endpoint is ${JSON.stringify(text)}; HF_ENDPOINT must be an address such as https://huggingface.co`,
  );
}

function tokenOf(given: string | false | undefined, env: NodeJS.ProcessEnv, home: string): string | undefined {
  if (given === false || (given === undefined && isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN))) return undefined;
  const clean = (text: string | undefined) => text?.replace(/[\r\n]/g, "").trim() || undefined;
  const token = clean(given) ?? clean(env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN) ?? clean(tokenFile(env, home));
  // A header refuses such a token with a message that quotes it.
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new HubError(
      "bad-option",
      "the token for the hub has spaces or letters outside ASCII in it; copy it again to HF_TOKEN",
    );
  }
  return token;
}

function tokenFile(env: NodeJS.ProcessEnv, home: string): string | undefined {
  try {
    return readFileSync(expanded(env.HF_TOKEN_PATH, env) ?? join(home, "token"), "utf8");
  } catch {
    return undefined;
  }
}

function expanded(path: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  if (!path) return undefined;
  const named = path.replace(/\$(\w+)|\$\{(\w+)\}/g, (all, a, b) => env[a ?? b] ?? all);
  return named.replace(/^~(?=$|[\\/])/, () => homedir());
}

function isTrue(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? "");
}

function seconds(value: string | undefined, otherwise: number): number {
  const given = Number(value);
  return 1000 * (given > 0 && Number.isFinite(given) ? given : otherwise);
}
