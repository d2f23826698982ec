// The process of tfjs-node.mjs: one model, one step for each message.
import { createModel, trainingContext } from "@vitrail/layers";
import { resnetModels } from "@vitrail/resnet";
import { createRng, tensor1d, tensor4d, tidy, useBackend, variableGrads } from "@vitrail/tensor";
import { adamW, crossEntropy, initialState, optimizerStep, sgd } from "@vitrail/train";
import { vitModels } from "@vitrail/vit";

/** The step of a model, as a function that gives its loss. */
function training({ model: name, batch, optimizer: kind, size }) {
  const model = createModel({ ...resnetModels, ...vitModels }[name]);
  const optimizer = kind === "sgd" ? sgd({ lr: 1e-3, momentum: 0.9 }) : adamW({ lr: 1e-3 });
  const trained = [...model.params.named()].filter(([, p]) => p.trainable);
  const variables = Object.fromEntries(trained.map(([path, { variable }]) => [path, variable]));
  const random = createRng(1);
  const x = tensor4d(random.at("images").normal(batch * size * size * 3), [batch, size, size, 3]);
  const classes = random.at("labels").uniform(batch);
  const labels = tensor1d(
    Array.from(classes, (u) => Math.floor(u * model.numClasses)),
    "int32",
  );
  let state = initialState(optimizer, variables);

  return () => {
    const { loss, parameters, next } = tidy(() => {
      const ctx = trainingContext(random.at("step").at(state.step));
      const list = Object.values(variables);
      const { value, grads } = variableGrads(() => crossEntropy(model.forward(x, ctx), labels), list);
      const gradients = Object.fromEntries(Object.entries(variables).map(([path, v]) => [path, grads[v.name]]));
      const { parameters, state: next } = optimizerStep(optimizer, variables, gradients, state);
      return { loss: value, parameters, next };
    });
    for (const [path, value] of Object.entries(parameters)) {
      variables[path].assign(value);
      value.dispose();
    }
    for (const slots of Object.values(state.slots)) for (const slot of Object.values(slots)) slot.dispose();
    state = next;
    const [found] = loss.dataSync(); // all kernels have run when it comes
    loss.dispose();
    return found;
  };
}

let step;
process.on("message", async (message) => {
  try {
    if (message !== "step") {
      await useBackend("tfjs-node", { nativeModule: message.module });
      step = training(message);
      process.send({ started: true });
      return;
    }
    const begin = performance.now();
    const loss = step();
    process.send({ milliseconds: performance.now() - begin, loss, rss: process.resourceUsage().maxRSS * 1024 });
  } catch (error) {
    process.send({ error: error.stack });
  }
});
