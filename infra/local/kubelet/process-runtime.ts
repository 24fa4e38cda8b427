import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { type ProcessSpec, StartError } from "./command-line.ts";
import { createLogRing, type LogRing } from "./log-ring.ts";

/** How a process ended; 128 plus the signal's number when a signal ended it. */
export type Exit = {
  readonly exitCode: number;
  readonly signal?: number;
  readonly isOutOfMemory: boolean;
  readonly finishedAt: Date;
};

export type RunningProcess = {
  readonly pid: number;
  readonly startedAt: Date;
  readonly exited: Promise<Exit>;
  readonly log: LogRing;
  /** Sends a signal to the process and everything it started; nothing happens once it has ended. */
  kill(signal: "SIGTERM" | "SIGKILL"): void;
};

/** Starts processes in groups of their own, and sees to it that none outlives this process. */
export type ProcessRuntime = {
  /** Throws StartError when the process cannot be started. */
  start(spec: ProcessSpec): Promise<RunningProcess>;
  /** Kills every process, and removes the directory the runtime was made with. */
  close(): Promise<void>;
};

const MEMORY_POLL_MS = 1000;
const OUTPUT_GRACE_MS = 1000;

/** `directory` is removed when the runtime is closed, or when this process dies in whatever way. */
export function createProcessRuntime({ directory }: { readonly directory: string }): ProcessRuntime {
  const running = new Set<RunningProcess>();
  const watchdog = spawn(process.execPath, [join(import.meta.dirname, "watchdog.js"), directory], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    cwd: "/",
    env: {},
  });
  // Without its watchdog the kubelet still ends its processes, as long as it lives.
  watchdog.stdin.on("error", () => undefined);
  const watchdogEnded = once(watchdog, "exit");
  return {
    async start(spec) {
      const child = spawn(spec.command, [...spec.args], {
        cwd: spec.cwd,
        env: { ...spec.env },
        stdio: ["ignore", "pipe", "pipe"],
        detached: true,
      });
      const pid = await started(child);
      watchdog.stdin.write(`+${pid}\n`);
      const process = follow(child, pid, spec.memoryLimitBytes);
      running.add(process);
      void process.exited.then(() => {
        running.delete(process);
        watchdog.stdin.write(`-${pid}\n`);
      });
      return process;
    },

    async close() {
      for (const process of running) process.kill("SIGKILL");
      await Promise.all([...running].map((process) => process.exited));
      watchdog.stdin.end();
      await watchdogEnded;
    },
  };
}

async function started(child: ChildProcess): Promise<number> {
  try {
    await once(child, "spawn");
  } catch (error) {
    throw new StartError(error instanceof Error ? error.message : String(error));
  }
  if (child.pid === undefined) throw new StartError("the process has no id");
  return child.pid;
}

function follow(
  child: ChildProcess & { stdout: Readable; stderr: Readable },
  pid: number,
  limitBytes: number | undefined,
): RunningProcess {
  const log = createLogRing();
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", log.writer());
  let isOutOfMemory = false;
  let hasExited = false;
  const kill = (signal: "SIGTERM" | "SIGKILL") => {
    if (!hasExited) killGroup(pid, signal);
  };
  const memory = watchMemory(pid, limitBytes, () => {
    isOutOfMemory = true;
    kill("SIGKILL");
  });
  const exited = ended(child).then(async ({ code, signal, drained }): Promise<Exit> => {
    hasExited = true;
    const finishedAt = new Date();
    clearInterval(memory);
    // What the process started and left behind is in its group still.
    killGroup(pid, "SIGKILL");
    await drained();
    const number = signal === null ? undefined : constants.signals[signal];
    const end = number === undefined ? { exitCode: code ?? 1 } : { exitCode: 128 + number, signal: number };
    return { ...end, isOutOfMemory, finishedAt };
  });
  return { pid, startedAt: new Date(), exited, log, kill };
}

type End = { code: number | null; signal: NodeJS.Signals | null; drained: () => Promise<unknown> };

function ended(child: ChildProcess): Promise<End> {
  const closed = once(child, "close");
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => {
      // A process that left the group may hold the pipes open for ever.
      const drained = () => Promise.race([closed, delay(OUTPUT_GRACE_MS, undefined, { ref: false })]);
      resolve({ code, signal, drained });
    });
  });
}

function killGroup(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(process.platform === "win32" ? pid : -pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** Only Linux tells a process's memory without another program; elsewhere limits are not enforced. */
function watchMemory(pid: number, limitBytes: number | undefined, exceed: () => void): NodeJS.Timeout | undefined {
  if (limitBytes === undefined || process.platform !== "linux") return undefined;
  const poll = async () => {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    if (Number(/^VmRSS:\s*(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024 > limitBytes) exceed();
  };
  return setInterval(() => void poll(), MEMORY_POLL_MS);
}
