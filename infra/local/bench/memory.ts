import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

const LIMIT_MS = 5_000;

/** Resident memory of a process in MiB: of all its pages that are in memory now, shared ones too. */
export async function residentMemory(pid: number): Promise<number> {
  const kibibytes = process.platform === "linux" ? await fromProc(pid) : await fromPs(pid);
  if (!Number.isFinite(kibibytes) || kibibytes <= 0) throw new Error(`The memory of process ${pid} cannot be read.`);
  return Math.round(kibibytes / 1024);
}

async function fromProc(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
}

async function fromPs(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)("ps", ["-o", "rss=", "-p", String(pid)], { timeout: LIMIT_MS });
  return Number(stdout.trim());
}
