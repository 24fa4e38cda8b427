import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** The Functions host with the app, as a process of its own, so that it can be killed and started again. */
export interface AppProcess {
  readonly url: string;
  readonly pid: number;
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Ends it at once, as a crash or a deploy does. */
  kill(): Promise<void>;
  /** Asks it to end and waits until it has. */
  stop(): Promise<void>;
}

export interface AppProcessOptions {
  /** The built app: package.json, host.json and the bundle. */
  appDirectory: string;
  environment: Readonly<Record<string, string>>;
  /** 0: a free one. */
  port?: number;
  /** Every line the host prints. */
  onLine?: (line: string) => void;
}

const HOST = join(import.meta.dirname, "../functions-host/main.ts");
/** A stop that takes longer than this becomes a kill. */
const STOP_MS = 15_000;
/** What of this process's environment the app needs; settings of the developer's own must not leak into it. */
const INHERITED = ["PATH", "HOME", "TMPDIR", "TEMP", "TMP", "SystemRoot", "LANG"];

/** Starts the app; rejects with what it printed when it refuses to start. */
export async function startApp({
  appDirectory,
  environment,
  port = 0,
  onLine = () => {},
}: AppProcessOptions): Promise<AppProcess> {
  const inherited = Object.fromEntries(
    INHERITED.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", HOST, "--app", appDirectory, "--port", String(port)],
    {
      env: { ...inherited, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const url = await readUrl(child, onLine);
  return {
    url,
    pid: child.pid ?? 0,
    ended: new Promise((resolve) => child.once("exit", () => resolve())),
    kill: () => end(child, "SIGKILL"),
    stop: () => end(child, "SIGTERM"),
  };
}

/** The first line that holds an address; what comes before an early end, but for the host's log, is the reason for it. */
function readUrl(child: ChildProcess, onLine: (line: string) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const early: string[] = [];
    let listens = false;
    const read = (line: string) => {
      const url = /^\{"url":"([^"]+)"\}$/.exec(line)?.[1];
      listens ||= url !== undefined;
      if (url !== undefined) resolve(url);
      else if (listens || line.startsWith('{"time":')) onLine(line);
      else early.push(line);
    };
    for (const stream of [child.stdout, child.stderr])
      if (stream !== null) createInterface({ input: stream }).on("line", read);
    child.once("error", reject);
    // `close` comes after the last line, `exit` may come before it.
    child.once("close", (code) => reject(new AppRefusedError(code, early)));
  });
}

/** The app ended before it listened; the message is what it printed. */
export class AppRefusedError extends Error {
  override readonly name = "AppRefusedError";
  constructor(code: number | null, lines: readonly string[]) {
    // The host's own log is not what a person has to read now.
    const said = lines.filter((line) => !line.startsWith("{"));
    super(said.length === 0 ? `The app ended with code ${code} before it listened.` : said.join("\n"));
  }
}

async function end(child: ChildProcess, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await ended;
  clearTimeout(late);
}
