import { spawn } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { lastLines } from "./build.ts";

/** One part of the control plane, as a process of its own. */
export interface ServerProcess {
  readonly pid: number;
  /** Throws the end of its log when it has ended. */
  check(): Promise<void>;
  /** Asks it to end, and kills it when it does not within some seconds. */
  stop(): Promise<void>;
}

const STOP_MS = 10_000;

/** Starts a part of the binary with these flags; what it prints goes to the file. It dies with this process. */
export async function startServer(
  binary: string,
  name: string,
  flags: Readonly<Record<string, string | number | boolean>>,
  logFile: string,
): Promise<ServerProcess> {
  const log = await open(logFile, "w", 0o600);
  const words = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  // No environment: neither proxies nor anything else of the user's may reach it.
  const child = spawn(binary, [name, ...words], { stdio: ["ignore", log.fd, log.fd], env: {} });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await once(child, "spawn");
  await log.close();
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  return {
    pid: child.pid ?? 0,
    async check() {
      if (hasEnded()) throw new Error(`${name} has ended: ${await lastLines(logFile)}`);
    },
    async stop() {
      if (hasEnded()) return;
      child.kill("SIGTERM");
      await Promise.race([ended, delay(STOP_MS, undefined, { ref: false })]);
      if (!hasEnded()) child.kill("SIGKILL");
      await ended;
    },
  };
}
