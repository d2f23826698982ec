/** What a page keeps between visits: Cache Storage, where there is one (pages over https, and on the own machine). */
const NAME = "vitrail-weights";

/** The bytes under an address of ours; undefined where there are none, or no Cache Storage. */
export async function cachedBytes(key: string): Promise<Uint8Array | undefined> {
  try {
    const found = await (await globalThis.caches?.open(NAME))?.match(key);
    return found && new Uint8Array(await found.arrayBuffer());
  } catch {
    return undefined; // a browser that forbids it, in a private window say
  }
}

/** Keeps bytes. That there is no room, or no Cache Storage, is no error: they are in memory already. */
export async function keepBytes(key: string, bytes: Uint8Array | string): Promise<void> {
  try {
    const type = typeof bytes === "string" ? "application/json" : "application/octet-stream";
    const body = bytes as BodyInit;
    await (await globalThis.caches?.open(NAME))?.put(key, new Response(body, { headers: { "content-type": type } }));
  } catch {
    // see above
  }
}
