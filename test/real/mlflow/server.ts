import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** A real MLflow in processes of its own. */
export interface RealMlflow {
  url: string;
  /** Ends its processes and removes its data. */
  stop(): Promise<void>;
}

const VERSION = "3.17.2";
const PACKAGES = [`mlflow==${VERSION}`, "cryptography==50.0.2"];
const VENV = fileURLToPath(new URL(`../../../.cache/mlflow-${VERSION}`, import.meta.url));
/** Written last, so that an interrupted installation is done again. */
const INSTALLED = join(VENV, "installed.txt");
const BIN = join(VENV, process.platform === "win32" ? "Scripts" : "bin");

const run = promisify(execFile);

/** Installs the pinned MLflow under `.cache/` the first time, then starts it on a free loopback port with SQLite in a temporary directory. */
export async function startRealMlflow(): Promise<RealMlflow> {
  await installRealMlflow();
  const home = await mkdtemp(join(tmpdir(), "mlflow-real-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const log = join(home, "server.log");
  const server = spawn(join(BIN, "mlflow"), serverArguments(home, port), {
    cwd: home,
    // A process group of its own, so that its workers end with it.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...serverEnvironment() },
  });
  const output = createWriteStream(log);
  server.stdout.pipe(output, { end: false });
  server.stderr.pipe(output, { end: false });
  let over = false;
  const ended = new Promise<void>((resolve) => {
    server.once("error", () => resolve()).once("close", () => resolve());
  }).then(() => {
    over = true;
  });

  async function stop(): Promise<void> {
    signalGroup(server.pid, "SIGTERM");
    await Promise.race([ended, wait(10_000, undefined, { ref: false })]);
    if (!over) signalGroup(server.pid, "SIGKILL");
    await ended;
    await new Promise<void>((resolve) => output.end(() => resolve()));
    await rm(home, { recursive: true, force: true });
  }

  if (await answers(url, () => over)) return { url, stop };
  const lines = (await readFile(log, "utf8")).trim().split("\n").slice(-5).join(" | ");
  await stop();
  throw new Error(`The real MLflow ${VERSION} did not start; its last lines: ${lines}`);
}

/** Installs it where that was not done yet; returns where its `mlflow`, `python` and `pip` are. */
export async function installRealMlflow(): Promise<string> {
  const wanted = PACKAGES.join("\n");
  const found = await readFile(INSTALLED, "utf8").catch(() => "");
  if (found === wanted) return BIN;
  await mkdir(VENV, { recursive: true });
  await run("python3", ["-m", "venv", VENV], { timeout: 120_000 }).catch(
    explain("install Python 3.10 or later with its venv module so that `python3 -m venv` works"),
  );
  await access(BIN);
  await run(join(BIN, "pip"), ["install", "--quiet", "--disable-pip-version-check", ...PACKAGES], {
    timeout: 600_000,
  }).catch(explain(`let \`pip install ${PACKAGES.join(" ")}\` reach a package index`));
  await writeFile(INSTALLED, wanted);
  return BIN;
}

/** One line that says what to do, with the last line of what was printed. */
function explain(remedy: string): (error: Error) => never {
  return (error) => {
    const printed = error.message.trim().split("\n").at(-1) ?? "";
    throw new Error(`The lane against a real MLflow cannot run: ${remedy} (${printed}).`);
  };
}

function serverArguments(home: string, port: number): string[] {
  return [
    "server",
    ...["--host", "127.0.0.1"],
    ...["--port", String(port)],
    ...["--workers", "1"],
    ...["--backend-store-uri", `sqlite:///${join(home, "mlflow.db")}`],
    ...["--artifacts-destination", join(home, "artifacts")],
  ];
}

function serverEnvironment(): Record<string, string> {
  return {
    // A Fernet key: 32 bytes in URL-safe base64 with padding.
    MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY: `${randomBytes(32).toString("base64url")}=`,
    MLFLOW_WEBHOOK_ALLOWED_SCHEMES: "http,https",
    MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS: "true",
    MLFLOW_WEBHOOK_CACHE_TTL: "1",
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION: "false",
    MLFLOW_DISABLE_TELEMETRY: "true",
  };
}

/** False when it ended, or said nothing for two minutes. */
async function answers(url: string, over: () => boolean): Promise<boolean> {
  for (let tries = 0; tries < 480 && !over(); tries += 1) {
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(5000) }).catch(() => undefined);
    if (response?.ok === true) return true;
    await wait(250);
  }
  return false;
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
