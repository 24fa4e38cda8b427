import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A script of the bench in a process of its own. */
export interface Child {
  /** The first line it printed. */
  readonly line: string;
  /** Ends it and waits until it has. */
  stop(): Promise<void>;
}

const LIMIT_MS = 20_000;

/** Starts the script, whose stdin ends with this process, with nothing in its environment but these variables; rejects with what it said when it ends without a line. */
export async function startChild(
  script: string,
  parameters: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Child> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", script, ...parameters], {
    env: { ...environment },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  };
  try {
    return { line: await readFirstLine(child, script), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function readFirstLine(child: ChildProcess, script: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${script} said nothing within ${LIMIT_MS / 1000} s`)), LIMIT_MS);
    let errors = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-2_000);
    });
    if (child.stdout !== null) createInterface({ input: child.stdout }).once("line", resolve);
    child.once("error", reject);
    child.once("close", (code) => reject(new Error(`${script} ended with code ${code}: ${errors.trim()}`)));
    child.once("close", () => clearTimeout(timer));
    child.stdout?.once("data", () => clearTimeout(timer));
  });
}
