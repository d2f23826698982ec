// Run in a project that installed @vitrail/resnet alone: random weights, a tensor classified, the gradient of a loss.
import { createModel, trainingContext } from "@vitrail/layers";
import { resnet20_cifar } from "@vitrail/resnet";
import { createRng, logSoftmax, mean, mul, neg, oneHot, sum, tensor, useBackend, variableGrads } from "@vitrail/tensor";

const { name } = await useBackend();
const rng = createRng(0);
const images = tensor(rng.normal(2 * 32 * 32 * 3), [2, 32, 32, 3]);
const model = createModel(resnet20_cifar, { seed: 0 });

const logits = model.forward(images);
const values = await logits.data();
if (logits.shape.join() !== "2,10" || !values.every(Number.isFinite))
  throw new Error(`logits ${logits.shape}: ${values}`);

const labels = oneHot(tensor([3, 5], [2], "int32"), 10);
const loss = () => neg(mean(sum(mul(labels, logSoftmax(model.forward(images, trainingContext()))), -1)));
const { value, grads } = variableGrads(loss);
const names = Object.keys(grads);
for (const key of names) {
  const gradient = await grads[key].data();
  if (!gradient.every(Number.isFinite)) throw new Error(`the gradient of ${key} is not finite`);
}
const trainable = [...model.params.named().values()].filter((param) => param.trainable).length;
if (names.length !== trainable) throw new Error(`${names.length} gradients for ${trainable} parameters`);
console.log(`backend ${name}, 2 x 10 logits, loss ${(await value.data())[0].toFixed(3)}, ${names.length} gradients`);
