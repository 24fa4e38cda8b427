import { type ChildProcess, spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { z } from "zod";

const HOST = resolve(import.meta.dirname, "../../infra/local/functions-host/main.ts");
const MEMORY = join(import.meta.dirname, "host-memory.ts");

const memory = z.object({ heapUsed: z.number(), external: z.number(), rss: z.number() });
/** Bytes, after a forced collection. */
export type Memory = z.output<typeof memory>;

/** A Functions host in a process of its own that can say what it holds in memory. */
export interface MeasuredHost {
  readonly url: string;
  memory(): Promise<Memory>;
  /** Bytes that it logged so far, and what it must not have: lines of a crash, and secrets. */
  readonly log: { readonly bytes: number; readonly alarming: readonly string[] };
  /** The exit code, once it has ended; undefined while it lives. */
  readonly ended: () => number | null | undefined;
  /** SIGTERM; resolves to the exit code. */
  stop(): Promise<number | null>;
  /** Ends it whatever it does. */
  kill(): Promise<void>;
}

/** Starts the app; throws with its stderr where it ends before it listens. `secrets` must never be logged. */
export async function startMeasuredHost(
  appDirectory: string,
  environment: Readonly<Record<string, string>>,
  secrets: readonly string[],
): Promise<MeasuredHost> {
  const child = spawn(process.execPath, ["--expose-gc", "--import", MEMORY, HOST, "--app", appDirectory], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let code: number | null | undefined;
  const ended = new Promise<number | null>((done) =>
    child.once("close", (status) => {
      code = status;
      done(status);
    }),
  );
  const { log, url } = watch(child, secrets);
  const listening = await Promise.race([
    url,
    ended.then((status): never => {
      throw new Error(`The host ended with ${status}: ${log.alarming.join("\n")}`);
    }),
  ]);
  return {
    url: listening,
    log,
    ended: () => code,
    memory: () =>
      new Promise((done, fail) => {
        child.once("message", (said) => {
          const read = memory.safeParse(said);
          if (read.success) done(read.data);
          else fail(read.error);
        });
        child.send("memory?");
      }),
    stop: () => {
      child.kill("SIGTERM");
      return ended;
    },
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Reads everything it says, and keeps only what is alarming: there are hundreds of megabytes. */
function watch(child: ChildProcess, secrets: readonly string[]) {
  const log = { bytes: 0, alarming: [] as string[] };
  const { promise: url, resolve: listens } = Promise.withResolvers<string>();
  let rest = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    log.bytes += text.length;
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.startsWith('{"url":')) listens(z.object({ url: z.string() }).parse(JSON.parse(line)).url);
      if (isAlarming(line, secrets)) log.alarming.push(line.slice(0, 2_000));
    }
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => log.alarming.push(text.slice(0, 2_000)));
  return { log, url };
}

/** Errors of the host itself, functions that threw, and anything secret. */
function isAlarming(line: string, secrets: readonly string[]): boolean {
  return /^.{0,60}"level":"(error|critical)"/.test(line) || secrets.some((secret) => line.includes(secret));
}
