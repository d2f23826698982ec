import { JitError } from "./errors.ts";
import type { Graph } from "./ir.ts";
import type { Client } from "./runtime/client.ts";
import { type EngineOptions, type EngineReport, openSession } from "./runtime/engine.ts";
import type { HostTensors } from "./runtime/protocol.ts";

/** A graph in a session of its own, values in and values out. */
export interface GraphSession {
  readonly report: EngineReport;
  /** The values that are given stay the caller's. */
  run(feeds: HostTensors): Promise<HostTensors>;
  close(): Promise<void>;
}

/** Opens a session for a graph that no eager function stands for. @throws JitError "engine-failed" without ONNX Runtime */
export async function openRuntime(
  graph: Graph,
  options: EngineOptions,
): Promise<{ client: Client; report: EngineReport }> {
  const { client, report } = await openSession(graph, options);
  if (!client) throw needsRuntime(report);
  return { client, report };
}

/** The error where a graph without an eager function came to engine tfjs. */
export function needsRuntime({ tried }: EngineReport): JitError {
  const why = tried.map(({ name, reason }) => `; ${name}: ${reason}`).join("");
  return new JitError("engine-failed", `compressed models run in ONNX Runtime only, not on engine tfjs${why}`);
}

/** A session for a graph, to measure with. */
export async function openGraph(graph: Graph, options: EngineOptions): Promise<GraphSession> {
  const { client, report } = await openRuntime(graph, options);
  return {
    report,
    async run(feeds) {
      const copies = Object.fromEntries(
        Object.entries(feeds).map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]),
      );
      const buffers = Object.values(copies).map(({ data }) => data.buffer);
      return client.request<HostTensors>({ kind: "run", feeds: copies }, buffers);
    },
    close: () => client.close(),
  };
}
