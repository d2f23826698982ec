import { readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";

/** Every byte, four at a time: the sum of 32-bit words. */
export function sum(bytes) {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  let total = 0;
  for (let i = 0; i < words.length; i++) total = (total + words[i]) | 0;
  return total;
}

export const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

/** MiB. Not `resourceUsage().maxRSS` where there is better: on Linux that begins with the parent's. */
export function peakMemory() {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1024;
  } catch {
    return process.resourceUsage().maxRSS / 1024;
  }
}

export function machine() {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
  };
}
