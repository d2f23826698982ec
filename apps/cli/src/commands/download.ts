import { downloadWeights, openWeights } from "@vitrail/hub";
import { fetching } from "../fetching.ts";
import { print, say } from "../io.ts";
import { checkpointNames, isRepo, publishedNamed } from "../models-table.ts";
import { plain } from "../user-error.ts";

/** What `vitrail download --json` prints. */
export interface Downloaded {
  readonly id: string;
  /** Null for what comes from an address. */
  readonly commit: string | null;
  /** Where the files are, the checkpoint last. */
  readonly files: readonly string[];
  /** False where all of it was cached. */
  readonly fetched: boolean;
}

/** `vitrail download`: brings weights into the cache, and asks whether a branch has moved. */
export async function download(id: string, options: { json?: boolean }): Promise<number> {
  const fetched = fetching({}, checkpointNames());
  let found: Downloaded;
  try {
    found = /^https?:/i.test(id) ? await fromAddress(id, fetched) : await fromHub(id, fetched);
  } finally {
    fetched.done();
  }
  if (options.json) print(JSON.stringify(found, null, 2));
  else {
    say(`${plain(found.id)}: ${found.fetched ? "fetched and verified" : "in the cache already"}`);
    for (const file of found.files) print(plain(file));
  }
  return 0;
}

async function fromHub(id: string, options: ReturnType<typeof fetching>): Promise<Downloaded> {
  const source = isRepo(id) || id.includes("@") ? id : publishedNamed(id, "download");
  const { repo, revision, commit, config, model, fetched } = await downloadWeights(source, options);
  const files = config === undefined ? [model] : [config, model];
  return { id: revision === "main" ? repo : `${repo}@${revision}`, commit, files, fetched };
}

async function fromAddress(url: string, options: ReturnType<typeof fetching>): Promise<Downloaded> {
  let fetched = false;
  const onProgress = (progress: Parameters<typeof options.onProgress & object>[0]) => {
    fetched = true;
    options.onProgress?.(progress);
  };
  const weights = await openWeights(url, { ...options, onProgress });
  weights.close();
  return { id: url, commit: null, files: weights.files, fetched };
}
