import { hubIdFor, type Snapshot, snapshotCached, takeSnapshot } from "./snapshot.ts";
import type { OpenOptions, PublishedWeights } from "./weights.ts";

/** What `downloadWeights` left in the cache. */
export type DownloadedWeights = Snapshot;

/**
 * Brings a repository's weights into the cache and asks whether its revision has moved, without opening them.
 *
 * @param id `org/repo`, `org/repo@revision`, a timm name with its tag, or an entry of a model's table
 * @throws HubError
 */
export function downloadWeights(id: string | PublishedWeights, options: OpenOptions = {}): Promise<DownloadedWeights> {
  return takeSnapshot(hubIdFor(id), { refresh: true, ...options });
}

/** Whether `openWeights` would find all of these weights in the cache. Asks no network. */
export function isCached(id: string | PublishedWeights, options: OpenOptions = {}): boolean {
  return snapshotCached(hubIdFor(id), options);
}
