import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

export const tfjsVersion = "4.22.0";
export const tensorflowVersion = "2.21.0";

/** Where the build is kept: VITRAIL_TFJS_NODE, else a folder of the user's cache that carries both versions. */
export function buildFolder({ VITRAIL_TFJS_NODE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env) {
  if (VITRAIL_TFJS_NODE) return resolve(VITRAIL_TFJS_NODE);
  const cache = XDG_CACHE_HOME || LOCALAPPDATA || join(homedir(), ".cache");
  return join(cache, "vitrail", `tfjs-node-${tfjsVersion}-tensorflow-${tensorflowVersion}`);
}

/** The package's folder inside a build. */
export const packageFolder = (build = buildFolder()) => join(build, "node_modules/@tensorflow/tfjs-node");

/** The built package's main file as { module }, a `file:` URL for useBackend's `nativeModule`, or { reason } without one. */
export function findTfjsNode(build = buildFolder()) {
  if (existsSync(join(build, "built.json"))) {
    return { module: pathToFileURL(join(packageFolder(build), "dist/index.js")).href };
  }
  return { reason: "not built: npm run tfjs-node builds it, on Linux x64" };
}
