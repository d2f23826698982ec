import { isBuiltin } from "node:module";
import { gzipSync } from "node:zlib";
import { build, type Plugin } from "esbuild";

export interface Bundle {
  /** What loads at once. */
  readonly code: string;
  /** Its bytes after gzip. */
  readonly bytes: number;
  /** Packages imported anywhere in the code, and how: at once, or later by `import()`. */
  readonly imports: ReadonlyMap<string, "at once" | "later">;
}

/** Packages that no bundler takes in: native, or optional and absent. They are looked up in `imports`. */
const leftOut = /^(sharp|@img\/.*|onnxruntime-.*|@tensorflow\/tfjs-(node|node-gpu|backend-webgl|backend-webgpu))$/;

const packageName = (path: string): string => path.split("/", path.startsWith("@") ? 2 : 1).join("/");

/** Bundles a built entry, alone (`own`) or with its dependencies. */
export async function bundle(
  entry: string,
  platform: "browser" | "node",
  { own, minify = true }: { readonly own: boolean; readonly minify?: boolean },
): Promise<Bundle> {
  const imports = new Map<string, "at once" | "later">();
  const record: Plugin = {
    name: "record",
    setup({ onResolve }) {
      onResolve({ filter: /^[^./]/ }, ({ path, kind, importer }) => {
        if (kind === "entry-point" || path.startsWith("#")) return undefined;
        if (isBuiltin(path)) return { path, external: true };
        const name = packageName(path);
        const ours = !importer.includes("/node_modules/");
        if (ours && imports.get(name) !== "at once") imports.set(name, kind === "dynamic-import" ? "later" : "at once");
        return own || leftOut.test(name) ? { path, external: true } : undefined;
      });
    },
  };
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    outdir: "out",
    bundle: true,
    write: false,
    metafile: true,
    minify,
    treeShaking: minify,
    splitting: true,
    format: "esm",
    platform,
    target: "es2022",
    logLevel: "silent",
    plugins: [record],
  });
  const atOnce = new Set<string>();
  const visit = (name: string): void => {
    if (atOnce.has(name)) return;
    atOnce.add(name);
    for (const { path, kind, external } of metafile.outputs[name]?.imports ?? []) {
      if (kind !== "dynamic-import" && !external) visit(path);
    }
  };
  visit(Object.entries(metafile.outputs).find(([, output]) => output.entryPoint !== undefined)?.[0] ?? "");
  const wanted = outputFiles.filter(({ path }) => [...atOnce].some((name) => path.endsWith(name)));
  return {
    code: wanted.map(({ text }) => text).join("\n"),
    bytes: wanted.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0),
    imports,
  };
}
