import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { access, mkdir, open, readFile, rename } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** Everything the binary is made of; a change of any of it is another binary. */
const SOURCES = ["go.mod", "go.sum", "main.go", "private_network.go"];
const HOW_TO_GET_GO =
  "The real control plane is built from Go modules: install Go 1.26 or later (https://go.dev/dl) so that `go` is on the PATH.";

/**
 * The binary with all parts of the control plane, built the first time and kept in the user's cache.
 * Throws, with what to do or the end of the build's log, when it cannot be built.
 */
export async function buildControlPlane(say: (line: string) => void = () => undefined): Promise<string> {
  const folder = join(cacheFolder(), "belay", "real-kubernetes", await hashOfModule());
  const binary = join(folder, "control-plane");
  if (await isThere(binary)) return binary;
  await mkdir(folder, { recursive: true });
  const logFile = join(folder, "build.log");
  const version = await kubernetesVersion();
  say(`Building Kubernetes ${version} from Go modules, once: about ten minutes on two cores. Log: ${logFile}`);
  const started = Date.now();
  // Under another name until it is whole: two that build at once do not disturb each other.
  const unfinished = `${binary}.${process.pid}`;
  await runGo(
    ["build", "-trimpath", "-buildvcs=false", "-ldflags", linkerFlags(version), "-o", unfinished, "."],
    logFile,
  );
  await rename(unfinished, binary);
  say(`Built it in ${Math.round((Date.now() - started) / 1000)} s.`);
  return binary;
}

function cacheFolder(): string {
  return process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
}

async function hashOfModule(): Promise<string> {
  const hash = createHash("sha256").update(process.arch);
  for (const name of SOURCES) hash.update(name).update(await readFile(join(import.meta.dirname, name)));
  return hash.digest("hex").slice(0, 16);
}

/** As `go.mod` pins it, such as "v1.36.3". */
async function kubernetesVersion(): Promise<string> {
  const [, version] =
    /^\tk8s\.io\/kubernetes (v[\d.]+)$/m.exec(await readFile(join(import.meta.dirname, "go.mod"), "utf8")) ?? [];
  if (version === undefined) throw new Error("go.mod names no version of k8s.io/kubernetes.");
  return version;
}

/** The servers say the version they are told here; no symbols, which halves the file. */
function linkerFlags(version: string): string {
  const [major = "", minor = ""] = version.slice(1).split(".");
  const names = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: "clean" };
  const settings = Object.entries(names).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
  return ["-s", "-w", ...settings].join(" ");
}

async function runGo(parameters: readonly string[], logFile: string): Promise<void> {
  const log = await open(logFile, "w");
  try {
    const go = spawn("go", parameters, {
      cwd: import.meta.dirname,
      // The user's own settings of modules and proxies hold; what would change the binary does not.
      env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "", GOWORK: "off" },
      stdio: ["ignore", log.fd, log.fd],
    });
    const [code] = await once(go, "exit").catch((error: unknown) => {
      throw codeOf(error) === "ENOENT" ? new Error(HOW_TO_GET_GO) : error;
    });
    if (code !== 0) throw new Error(`${HOW_TO_GET_GO} This build failed: ${await lastLines(logFile)}`);
  } finally {
    await log.close();
  }
}

/** The end of a log, on one line. */
export async function lastLines(file: string): Promise<string> {
  return (await readFile(file, "utf8")).trim().split("\n").slice(-5).join(" | ");
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
