/** Every byte, four at a time: the sum of 32-bit words. */
export function sum(bytes) {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  let total = 0;
  for (let i = 0; i < words.length; i++) total = (total + words[i]) | 0;
  return total;
}
