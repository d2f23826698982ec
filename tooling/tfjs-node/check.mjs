// A fresh build is tried before it is kept: node check.mjs MODULE
// It loads, and gives the gradients of convolutions that tfjs's cpu backend gives; with oneDNN on, some are wrong.
const { default: tf } = await import(process.argv[2]);

const fill = (shape, from) => {
  const size = shape.reduce((a, b) => a * b, 1);
  return [Float32Array.from({ length: size }, (_, i) => Math.sin(from + i * i)), shape];
};

/** The gradients of one convolution in its input and its filter. */
function gradients(backend, [values, shape], [weights, filter], stride) {
  tf.setBackend(backend);
  const f = (x, w) => tf.sum(tf.square(tf.conv2d(x, w, stride, "valid")));
  return tf.tidy(() =>
    tf
      .grads(f)([tf.tensor(values, shape), tf.tensor(weights, filter)])
      .map((g) => g.dataSync()),
  );
}

for (const [kernel, inputs, outputs, stride] of [
  [3, 1, 1, 1],
  [3, 3, 4, 2],
  [1, 1, 1, 2],
  [1, 3, 4, 2],
]) {
  const data = [fill([2, 8, 8, inputs], 1), fill([kernel, kernel, inputs, outputs], 2), stride];
  const [found, expected] = ["tensorflow", "cpu"].map((backend) => gradients(backend, ...data));
  const worst = Math.max(...found.flatMap((g, i) => Array.from(g, (v, e) => Math.abs(v - expected[i][e]))));
  const scale = Math.max(...expected.flatMap((g) => Array.from(g, Math.abs)));
  if (!(worst <= 1e-5 * scale)) {
    const which = `${kernel} x ${kernel}, ${inputs} to ${outputs} channels, stride ${stride}`;
    throw new Error(`the gradients of a convolution (${which}) differ from tfjs cpu's by ${worst / scale}`);
  }
}
