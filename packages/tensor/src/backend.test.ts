import {
  copyRegisteredKernels,
  findBackendFactory,
  getGradient,
  getKernelsForBackend,
  registerBackend,
  registerKernel,
  removeBackend,
  unregisterKernel,
} from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type BackendError,
  type BackendName,
  conv2d,
  currentBackend,
  grads,
  memory,
  ones,
  sum,
  type Tensor4D,
  tensor,
  useBackend,
  zeros,
} from "./index.ts";
import { setTensorFlowEnv } from "./native/load.ts";
import * as node from "./node.ts";

vi.mock("./node.ts", async (original) => {
  const real = await original<typeof import("./node.ts")>();
  return { ...real, importByName: vi.fn(real.importByName), isNode: vi.fn(real.isNode), mendNodeUtil: vi.fn() };
});

const notInstalled = (name: string) =>
  `backend ${name} is not installed: run npm install @tensorflow/${name.replace(/^web/, "tfjs-backend-web")}@4.22.0`;

test("nothing is registered on import", () => {
  expect(currentBackend()).toBeUndefined();
  expect(findBackendFactory("cpu")).toBeNull();
  expect(getGradient("Sum")).toBeUndefined();
});

test("auto takes wasm in plain Node, and says why nothing faster", async () => {
  expect(await useBackend()).toEqual({
    name: "wasm",
    reason: "the fastest that works here: tfjs-node-gpu and tfjs-node are not installed",
    tried: [
      { name: "tfjs-node-gpu", reason: notInstalled("tfjs-node-gpu") },
      { name: "tfjs-node", reason: notInstalled("tfjs-node") },
    ],
  });
  expect(currentBackend()).toBe("wasm");
});

test.each(["cpu", "wasm"] as const)("%s takes the gradient of a convolution and prints nothing", async (name) => {
  const [warn, log] = [vi.spyOn(console, "warn"), vi.spyOn(console, "log")];
  expect(await useBackend(name)).toEqual({ name, reason: "asked for by name", tried: [] });
  const before = memory().numTensors;
  const inputs: [Tensor4D, Tensor4D] = [ones([1, 5, 5, 2]), ones([3, 3, 2, 4])];
  const found = grads((x: Tensor4D, w: Tensor4D) => sum(conv2d(x, w, 1, "same")))(inputs);
  expect(found[1]?.dataSync()[0]).toBe(16);
  for (const t of [...inputs, ...found]) t.dispose();
  expect(memory().numTensors).toBe(before);
  expect(warn).not.toHaveBeenCalled();
  expect(log).not.toHaveBeenCalled();
  vi.restoreAllMocks();
});

test("calls that overlap run one after another, and the last one stays", async () => {
  const names: BackendName[] = ["cpu", "wasm", "cpu", "wasm", "cpu"];
  const reports = await Promise.all(names.map((name) => useBackend(name)));
  expect(reports.map((report) => report.name)).toEqual(names);
  expect(currentBackend()).toBe("cpu");
});

test("a tensor goes along when the backend is switched, and is freed on each", async () => {
  await useBackend("cpu");
  const before = memory().numTensors;
  const x = tensor([1, 2, 3]);
  for (const name of ["wasm", "cpu", "wasm"] as const) {
    await useBackend(name);
    const y = sum(x);
    expect(y.dataSync()[0]).toBe(6);
    y.dispose();
  }
  x.dispose();
  expect(memory().numTensors).toBe(before);
});

describe("a backend that can't be used is refused in one line, and the one before stays:", () => {
  beforeEach(() => useBackend("cpu"));
  afterEach(() => {
    expect(currentBackend()).toBe("cpu");
  });

  test("an unknown one, with those that there are", async () => {
    const error = await useBackend("wams" as BackendName).catch((e: BackendError) => e);
    expect(error).toMatchObject({ name: "BackendError", code: "backend-unknown" });
    expect((error as BackendError).message).toBe(
      'backend: expected one of auto, tfjs-node-gpu, tfjs-node, webgpu, webgl, wasm, cpu, found "wams"',
    );
    await expect(useBackend("toString" as BackendName)).rejects.toMatchObject({ code: "backend-unknown" });
  });

  test.each(["tfjs-node", "tfjs-node-gpu", "webgpu"] as const)(
    "%s, not installed, with the command that installs it",
    async (name) => {
      if (name === "webgpu") vi.mocked(node.isNode).mockReturnValueOnce(false);
      await expect(useBackend(name)).rejects.toMatchObject({
        code: "backend-not-installed",
        message: notInstalled(name),
      });
    },
  );

  test.each(["webgl", "webgpu"] as const)("%s in Node, which no installation helps", async (name) => {
    await expect(useBackend(name)).rejects.toMatchObject({
      code: "backend-failed",
      message: `backend ${name} needs a browser: in Node take wasm, cpu or tfjs-node`,
    });
  });

  test("one that breaks while it loads, which is not the same as absent", async () => {
    vi.mocked(node.importByName).mockRejectedValueOnce(new Error("libcudart.so.11.0: cannot open shared object file"));
    await expect(useBackend("tfjs-node-gpu")).rejects.toMatchObject({
      code: "backend-failed",
      message: "backend tfjs-node-gpu does not load: libcudart.so.11.0: cannot open shared object file",
    });
    const inside = Object.assign(
      new Error("Cannot find module '/x/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node'"),
      {
        code: "MODULE_NOT_FOUND",
      },
    );
    vi.mocked(node.importByName).mockRejectedValueOnce(inside);
    await expect(useBackend("tfjs-node")).rejects.toMatchObject({ code: "backend-failed" });
  });
});

test("in a browser auto goes through webgpu and webgl to wasm", async () => {
  vi.mocked(node.isNode).mockReturnValue(false);
  const report = await useBackend("auto").finally(() => vi.mocked(node.isNode).mockReturnValue(true));
  expect(report.name).toBe("wasm");
  expect(report.tried.map(({ name }) => name)).toEqual(["webgpu", "webgl"]);
});

describe("an installed tfjs-node", () => {
  const order: string[] = [];
  /** What an import of it does: it registers a backend, here one that computes as cpu does. */
  const register = () => {
    copyRegisteredKernels("cpu", "tensorflow");
    registerBackend("tensorflow", findBackendFactory("cpu"));
  };
  beforeEach(async () => {
    await useBackend("cpu");
    order.length = 0;
    vi.mocked(node.mendNodeUtil).mockImplementation(() => order.push("mend"));
    vi.mocked(node.importByName).mockImplementation(async (name) => {
      order.push(name);
      if (name.endsWith("-gpu")) {
        const message = `Cannot find package '${name}' imported from x`;
        throw Object.assign(new Error(message), { code: "ERR_MODULE_NOT_FOUND" });
      }
      register();
    });
    vi.stubEnv("TF_ENABLE_ONEDNN_OPTS", undefined);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await useBackend("cpu");
    if (findBackendFactory("tensorflow") !== null) removeBackend("tensorflow");
    for (const { kernelName } of getKernelsForBackend("tensorflow")) unregisterKernel(kernelName, "tensorflow");
    vi.mocked(node.importByName).mockReset();
  });

  test("comes first, mended before it is imported, and keeps the gradients that it lacks", async () => {
    const report = await useBackend("auto");
    expect(report).toMatchObject({
      name: "tfjs-node",
      reason: "the fastest that works here: tfjs-node-gpu is not installed",
    });
    expect(order).toEqual(["mend", "@tensorflow/tfjs-node-gpu", "mend", "@tensorflow/tfjs-node"]);
    expect(currentBackend()).toBe("tensorflow");
    await expect(useBackend("tfjs-node-gpu")).rejects.toMatchObject({
      code: "backend-failed",
      message:
        "backend tfjs-node-gpu does not load: tfjs-node is loaded in this process already, and the two can't be together",
    });
    expect(currentBackend()).toBe("tensorflow");
  });

  test("is loaded with oneDNN off and without its warnings, unless the user has asked for them", async () => {
    const warn = vi.spyOn(console, "warn");
    await useBackend("tfjs-node");
    expect(process.env).toMatchObject({ TF_ENABLE_ONEDNN_OPTS: "0", TF_CPP_MIN_LOG_LEVEL: "2" });
    expect(warn).not.toHaveBeenCalled();
    const asked = { TF_ENABLE_ONEDNN_OPTS: "1" };
    setTensorFlowEnv(asked);
    expect(asked).toEqual({ TF_ENABLE_ONEDNN_OPTS: "1", TF_CPP_MIN_LOG_LEVEL: "2" });
  });

  test("that the program imported by itself is taken as it is", async () => {
    register();
    expect(await useBackend("tfjs-node")).toMatchObject({ name: "tfjs-node" });
    expect(order).toEqual(["mend"]);
  });

  test("is imported from where it is said to be", async () => {
    await useBackend("tfjs-node", { nativeModule: "file:///elsewhere/index.js" });
    expect(order).toEqual(["mend", "file:///elsewhere/index.js"]);
  });

  test("that gets gradients wrong is refused, and the backend before stays", async () => {
    register();
    unregisterKernel("Conv2DBackpropFilter", "tensorflow");
    registerKernel({
      kernelName: "Conv2DBackpropFilter",
      backendName: "tensorflow",
      kernelFunc: ({ attrs }) => zeros((attrs as { filterShape: number[] }).filterShape),
    });
    await expect(useBackend("tfjs-node")).rejects.toMatchObject({
      code: "backend-failed",
      message: "backend tfjs-node gets gradients wrong with oneDNN: set TF_ENABLE_ONEDNN_OPTS=0 before it is loaded",
    });
    expect(currentBackend()).toBe("cpu");
  });
});

test("Node 23's util gets back what it lost, and keeps what it has", async () => {
  const { mendNodeUtil } = await vi.importActual<typeof import("./node.ts")>("./node.ts");
  const isArray = () => true;
  const util: Record<string, unknown> = { isArray };
  mendNodeUtil(util);
  expect(util.isArray).toBe(isArray);
  const { isNullOrUndefined } = util as { isNullOrUndefined(value: unknown): boolean };
  expect([null, undefined, 0, ""].map(isNullOrUndefined)).toEqual([true, true, false, false]);
});

test("the wasm files are found in the installed package", () => {
  expect(node.wasmFolder()).toMatch(/tfjs-backend-wasm[\\/]dist[\\/]$/);
});
