// The entry of a thread that looks at samples: runs of them, as small pictures cost less than a message.
import { parentPort, workerData } from "node:worker_threads";
import { type ExamineSettings, examine, type Finding, type Task } from "./examine.ts";
import { createSampleReader } from "./sample.ts";

const port = parentPort;
if (!port) throw new Error("examine-worker.js is started by checkSamples, overlap and inspectDataset, not on its own");
const settings = workerData as ExamineSettings;
const reader = createSampleReader();

port.on("message", async (tasks: readonly Task[]) => {
  const findings: Finding[] = [];
  let ahead: Promise<Finding> | undefined;
  // one ahead: libuv's threads decode it while this one is hashed
  for (const [i, task] of tasks.entries()) {
    const mine: Promise<Finding> = ahead ?? examine(task, settings, reader);
    const next = tasks[i + 1];
    ahead = next && examine(next, settings, reader);
    findings.push(await mine);
  }
  port.postMessage(findings);
});
