// A process of training.bench.mjs: one model under compileStep, one step for each message.
import { createModel } from "@vitrail/layers";
import { resnetModels } from "@vitrail/resnet";
import { createRng, useBackend } from "@vitrail/tensor";
import { adamW, crossEntropy } from "@vitrail/train";
import { vitModels } from "@vitrail/vit";
import { compileStep, hostTensors } from "../../dist/index.js";

async function training({ model: name, batch, engine, threads }) {
  await useBackend("wasm"); // what engine tfjs runs on; the other engines leave it alone
  const make = () => createModel({ ...resnetModels, ...vitModels }[name]);
  const model = engine === "tfjs" ? make() : hostTensors(make);
  const images = createRng(1).normal(batch * 224 * 224 * 3);
  const labels = Int32Array.from(createRng(2).uniform(batch), (u) => Math.floor(u * 1000));
  const begin = performance.now();
  const plan = { model, loss: crossEntropy, optimizer: adamW({ lr: 1e-3 }) };
  const step = await compileStep(plan, { batch, input: [224, 224, 3], engine, threads });
  return { run: () => step.run(images, labels), compiled: performance.now() - begin };
}

let run;
process.on("message", async (message) => {
  try {
    if (message !== "step") {
      const made = await training(message);
      run = made.run;
      process.send({ compiled: made.compiled });
      return;
    }
    const begin = performance.now();
    const { loss } = await run();
    process.send({ milliseconds: performance.now() - begin, loss, rss: process.resourceUsage().maxRSS * 1024 });
  } catch (error) {
    process.send({ error: error.stack });
  }
});
