import { existsSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import type { V1Container } from "@kubernetes/client-node";
import { ConfigError } from "./config-error.ts";
import { expand } from "./environment.ts";

/** What an image says about the process to start, as in its OCI configuration. */
export type ImageProcess = {
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly Env: readonly string[];
  readonly WorkingDir: string;
  readonly User: string;
};

/** A process in the host's terms: real paths, its whole environment. */
export type ProcessSpec = {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly memoryLimitBytes?: number;
};

/** The command cannot be found in the image; a container runtime reports this as StartError, exit code 128. */
export class StartError extends Error {}

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The words to run: command replaces the entrypoint and the image's arguments, args only the arguments; $(NAME) is expanded. */
export function words(
  container: Pick<V1Container, "command" | "args">,
  image: ImageProcess,
  env: Readonly<Record<string, string>>,
): string[] {
  const { command = [], args = [] } = container;
  const given = [...command, ...args].map((word) => expand(word, env));
  if (command.length > 0) return given;
  return [...image.Entrypoint, ...(args.length > 0 ? given : image.Cmd)];
}

/** The image's variables under the manifest's; HOST is the pod's address, the only one the process may listen on. */
export function processEnv(
  image: ImageProcess,
  manifest: Readonly<Record<string, string>>,
  pod: { readonly name: string; readonly ip: string },
): Record<string, string> {
  const fromImage = image.Env.map((line) => [line.split("=", 1)[0] ?? "", line.slice(line.indexOf("=") + 1)]);
  return {
    PATH: DEFAULT_PATH,
    HOSTNAME: pod.name,
    ...Object.fromEntries(fromImage),
    ...manifest,
    HOST: pod.ip,
  };
}

/**
 * Places words of a container on the host: `node` is this process's own binary, other commands are looked for in the
 * container's root, and an argument that names a path which exists there becomes that path. Throws StartError.
 */
export function place(
  line: readonly string[],
  root: string,
  workingDirectory: string,
  env: Readonly<Record<string, string>>,
): ProcessSpec {
  const [name, ...args] = line;
  if (name === undefined) throw new StartError("no command specified");
  const cwd = join(root, workingDirectory);
  return { command: commandPath(name, root, cwd, env), args: args.map((word) => hostPath(word, root)), cwd, env };
}

function commandPath(name: string, root: string, cwd: string, env: Readonly<Record<string, string>>): string {
  if (name === "node") return process.execPath;
  const folders = (env["PATH"] ?? DEFAULT_PATH).split(":").map((folder) => join(root, folder));
  const candidates = name.includes("/") ? [name.startsWith("/") ? join(root, name) : join(cwd, name)] : [];
  if (candidates.length === 0) candidates.push(...folders.map((folder) => join(folder, name)));
  const found = candidates.find((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
  if (found === undefined) throw new StartError(`exec: "${name}": executable file not found in the image`);
  return found;
}

function hostPath(word: string, root: string): string {
  if (!word.startsWith("/") || posix.normalize(word) === "/") return word;
  const path = join(root, posix.normalize(word));
  return existsSync(path) ? path : word;
}

/** Refuses, in a kubelet's words, an image that would run as root where the manifest forbids it; throws ConfigError. */
export function checkUser(user: string, runAsNonRoot: boolean | undefined, runAsUser: number | undefined): void {
  if (!runAsNonRoot) return;
  const effective = runAsUser === undefined ? (user.split(":")[0] ?? "") : String(runAsUser);
  if (effective === "" || effective === "root" || Number(effective) === 0) {
    throw new ConfigError("container has runAsNonRoot and image will run as root");
  }
  if (!/^\d+$/.test(effective)) {
    throw new ConfigError(
      `container has runAsNonRoot and image has non-numeric user (${effective}), cannot verify user is non-root`,
    );
  }
}
