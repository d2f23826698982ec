/** Which hash an ETag is, by its length; undefined where it is none that content can be held against. */
export function hashKind(etag: string): "sha256" | "git" | undefined {
  if (/^[0-9a-f]{64}$/.test(etag)) return "sha256";
  return /^[0-9a-f]{40}$/.test(etag) ? "git" : undefined;
}
