import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import type { ServingImage } from "./image.ts";

/** A process of the serving image. */
export interface ServingProcess {
  url: string;
  pid: number;
  /** Everything it printed so far. */
  output(): string;
  /** Sends the signal and resolves with how it ended. */
  end(signal?: NodeJS.Signals): Promise<Ending>;
  ended: Promise<Ending>;
  ready(): Promise<void>;
}

export interface Ending {
  code: number | null;
  signal: string | null;
}

const running = new Set<ChildProcess>();

/** Nothing of a test outlives it, also where it failed. */
export async function endAll(): Promise<void> {
  for (const child of running) {
    child.kill("SIGKILL");
    await once(child, "close");
  }
}

/** Starts what the image's CMD says, with a container's environment: the image's own and what is given. */
export async function startServer(
  image: ServingImage,
  environment: Readonly<Record<string, string>> = {},
): Promise<ServingProcess> {
  const port = await freePort();
  return startProcess(image.command, image.workingDirectory, port, "/ready", {
    ...image.environment,
    HOST: "127.0.0.1",
    PORT: String(port),
    // Nobody answers there: what serves needs no MLflow.
    MLFLOW_TRACKING_URI: "http://127.0.0.1:9",
    ...environment,
  });
}

/** Starts a server on a port; `path` answers 200 when it is ready. */
export function startProcess(
  command: readonly string[],
  cwd: string,
  port: number,
  path: string,
  env: Record<string, string>,
): ServingProcess {
  const [file = "", ...rest] = command;
  const child = spawn(file, rest, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let printed = "";
  const take = (chunk: Buffer) => {
    printed += chunk.toString();
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  const ended = new Promise<Ending>((resolve, reject) => {
    child.once("error", reject).once("close", (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });
  const url = `http://127.0.0.1:${port}`;
  const isReady = () =>
    fetch(`${url}${path}`, { signal: AbortSignal.timeout(2_000) }).then(
      async (answer) => {
        await answer.body?.cancel();
        return answer.ok;
      },
      () => false,
    );
  return {
    url,
    pid: child.pid ?? 0,
    output: () => printed,
    ended,
    end: (signal = "SIGTERM") => {
      child.kill(signal);
      return ended;
    },
    ready: async () => {
      for (let tries = 0; tries < 600; tries++) {
        if (await isReady()) return;
        if (!running.has(child)) throw new Error(`The server ended before it was ready: ${printed.slice(-2_000)}`);
        await wait(100);
      }
      throw new Error(`The server was not ready in time: ${printed.slice(-2_000)}`);
    },
  };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
