// Reads "+<pid>" and "-<pid>" from its standard input, and kills the process groups that are left, and the folder named
// by its argument, when that input ends: however the kubelet died, nothing of it stays behind.
import { rm } from "node:fs/promises";
import { createInterface } from "node:readline";

/** @type {Set<number>} */
const groups = new Set();
for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1));
  if (line.startsWith("+")) groups.add(pid);
  else groups.delete(pid);
}
for (const pid of groups) {
  try {
    process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL");
  } catch {
    // The group was gone already, which is what is wanted.
  }
}
const [directory] = process.argv.slice(2);
if (directory) await rm(directory, { recursive: true, force: true, maxRetries: 5 });
