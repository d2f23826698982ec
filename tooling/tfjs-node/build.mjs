// Builds tfjs-node's addon against the libraries inside PyPI's tensorflow-cpu wheel: `npm run tfjs-node`. See README.md.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { npmCommand, run, SetupError } from "../setup/process.mjs";
import { buildFolder, findTfjsNode, packageFolder, tensorflowVersion, tfjsVersion } from "./locate.mjs";
import { publish } from "./publish.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** The wheel for CPython 3.11 on Linux x64; its libraries are the same for every Python, so any interpreter may fetch it. */
const wheel = {
  requirement: `tensorflow-cpu==${tensorflowVersion}`,
  hash: "sha256:2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c",
  options: ["--platform=manylinux_2_27_x86_64", "--implementation=cp", "--python-version=3.11", "--abi=cp311"],
};

/** Runs one step and stops with one line where it fails; what the step itself said stands above that line. */
async function step(what, command, options = {}) {
  console.error(`tfjs-node: ${what}`);
  const failed = (reason) => new SetupError(`tfjs-node can't be built: ${what} failed (${reason}).`);
  const { status } = await run(command, { ...options, quiet: true }).catch((error) => {
    throw failed(error.code === "ENOENT" ? `${command[0]} is not installed` : error.message);
  });
  if (status !== 0) throw failed(`status ${status}: the reason stands above`);
}

/** All of it, in a folder of its own. */
async function build(folder) {
  const python = process.env.PYTHON || "python3";
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n'); // npm installs here and looks no further up
  writeFileSync(join(folder, "requirements.txt"), `${wheel.requirement} --hash=${wheel.hash}\n`);
  const pip = [python, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes"];
  const from = [...wheel.options, `--dest=${folder}`, `--requirement=${join(folder, "requirements.txt")}`];
  await step(`downloading ${wheel.requirement} (274 MB)`, [...pip, "--disable-pip-version-check", ...from]);
  const npm = [...npmCommand(), "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const installing = `installing @tensorflow/tfjs-node ${tfjsVersion}, without its scripts`;
  await step(installing, [...npm, `@tensorflow/tfjs-node@${tfjsVersion}`], { cwd: folder });

  const cwd = packageFolder(folder);
  const file = readdirSync(folder).find((name) => name.endsWith(".whl"));
  const unpack = [python, here("unpack.py"), join(folder, file), join(cwd, "deps")];
  await step("unpacking TensorFlow's libraries and headers", unpack);
  rmSync(join(folder, file));

  const addon = [...npmCommand(), "exec", "--no", "--", "node-pre-gyp", "install", "--build-from-source"];
  await step("compiling the addon (about a minute)", [...addon, ...headers()], { cwd });
  const versions = { "@tensorflow/tfjs-node": tfjsVersion, "tensorflow-cpu": tensorflowVersion };
  writeFileSync(join(folder, "built.json"), `${JSON.stringify(versions)}\n`);
  await step("trying some gradients", [process.execPath, here("check.mjs"), findTfjsNode(folder).module], {
    env: { ...process.env, TF_ENABLE_ONEDNN_OPTS: "0" },
  });
}

/** Node's headers lie beside most installed Nodes: node-gyp would download them. */
function headers() {
  const prefix = join(dirname(process.execPath), "..");
  return existsSync(join(prefix, "include/node/node_api.h")) ? [`--nodedir=${prefix}`] : [];
}

async function main() {
  const target = buildFolder();
  if (findTfjsNode(target).module !== undefined) {
    console.error(`tfjs-node is built already: ${target} (to build it anew, remove that folder)`);
    return;
  }
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new SetupError(`tfjs-node can't be built: expected linux x64, found ${process.platform} ${process.arch}.`);
  }
  mkdirSync(dirname(target), { recursive: true });
  await publish(target, build);
  console.error(`tfjs-node is built: ${target}`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
