import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished } from "vitest";
import type { LogLine } from "../../../infra/local/functions-host/log.ts";

const PROJECT = resolve(import.meta.dirname, "../../..");
const MAIN = join(PROJECT, "infra/local/functions-host/main.ts");

/** A host that runs as its own process. */
export interface HostProcess {
  readonly url: string;
  /** Every line of its log so far. */
  readonly lines: readonly LogLine[];
  /** Sends the signal and resolves to the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Resolves to the exit code. */
  readonly ended: Promise<number | null>;
}

export interface HostProcessOptions {
  readonly appDirectory: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
}

/** Starts a host and waits for its address; throws with its stderr if it ends before. */
export async function startHostProcess(options: HostProcessOptions): Promise<HostProcess> {
  const { child, ended, stderr } = spawnHost(options);
  const lines: LogLine[] = [];
  const { promise: listening, resolve: listens, reject } = Promise.withResolvers<string>();
  createInterface({ input: child.stdout ?? process.stdin }).on("line", (line) => {
    const read = JSON.parse(line);
    if ("url" in read) listens(read.url);
    else lines.push(read);
  });
  void ended.then((code) => reject(new Error(`The host ended with ${code}: ${stderr()}`)));
  const url = await listening;
  return {
    url,
    lines,
    ended,
    stop(signal = "SIGTERM") {
      child.kill(signal);
      return ended;
    },
  };
}

/** Starts a host that is expected to refuse; resolves to what it says and its exit code. */
export async function refusedStart(options: HostProcessOptions): Promise<{ code: number | null; stderr: string }> {
  const { ended, stderr } = spawnHost(options);
  return { code: await ended, stderr: stderr() };
}

function spawnHost({ appDirectory, environment = {}, args = [] }: HostProcessOptions) {
  const child: ChildProcess = spawn(process.execPath, [MAIN, "--app", appDirectory, ...args], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<number | null>((done) => child.once("close", done));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return { child, ended, stderr: () => stderr };
}

export const PLAIN_HOST_JSON = { version: "2.0" };

/** Writes a Functions app into a directory of its own, from which this project's packages are found. */
export function writeApp(code: string, hostJson: unknown = PLAIN_HOST_JSON, main = "app.js"): string {
  const directory = mkdtempSync(join(tmpdir(), "functions-app-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  symlinkSync(join(PROJECT, "node_modules"), join(directory, "node_modules"), "junction");
  mkdirSync(dirname(join(directory, main)), { recursive: true });
  writeFileSync(join(directory, "package.json"), JSON.stringify({ type: "module", main }));
  writeFileSync(join(directory, "host.json"), JSON.stringify(hostJson));
  writeFileSync(join(directory, "app.js"), `import { app, output } from "@azure/functions";\n${code}`);
  return directory;
}

/** Asserts on what is read again and again until it holds, for at most ten seconds. */
export function eventually<T>(read: () => T) {
  return expect.poll(read, { timeout: 10_000, interval: 20 });
}
