/** Which processors this process may use, and how a child is held to one. */
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { delimiter, join } from "node:path";

/** "0-2,5" as the kernel writes lists of processors. */
export function processors(list: string): number[] {
  return list.split(",").flatMap((part) => {
    const [first, last = first] = part.trim().split("-").map(Number);
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => Number(first) + i);
  });
}

/** The ids of the processors that this process may use. */
function allowed(): number[] {
  try {
    const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    if (list) return processors(list);
  } catch {
    // no Linux
  }
  return Array.from({ length: availableParallelism() }, (_, i) => i);
}

/** What to put before a command so that lane `i` has a processor of its own: nothing where there is no taskset. */
export function pinned(lane: number): string[] {
  const ids = allowed();
  const taskset = (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, "taskset")));
  return taskset ? ["taskset", "-c", String(ids[lane % ids.length])] : [];
}
