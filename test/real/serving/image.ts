import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, delimiter, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { extract } from "tar";
import { type Instruction, parseDockerfile } from "../../../infra/local/image-builder/dockerfile.ts";
import { parseIgnore, prune } from "../../../infra/local/image-builder/ignore.ts";
import { readSourceTemplate } from "../../../shared/adapters/files/source-template.ts";
import { openContext } from "../../../shared/steps/build-context.ts";
import { createFakeRegistry } from "../../fakes/fake-registry.ts";

/** Written last, into the environment. */
export const PINNED = "pinned.txt";
const ROOT = resolve(import.meta.dirname, "../../..");
const run = promisify(execFile);

/** What a container of the image would start: its files lie in a folder instead of at the root. */
export interface ServingImage {
  command: readonly string[];
  workingDirectory: string;
  environment: Readonly<Record<string, string>>;
  /** What was installed, as pip was told. */
  requirements: string;
  /** The virtual environment. */
  venv: string;
  remove(): Promise<void>;
}

interface Stage {
  root: string;
  workingDirectory: string;
  environment: Record<string, string>;
  command: string[];
}

interface Build {
  home: string;
  context: string;
  /** Stands for /opt/venv, in every stage. */
  venv: string;
  /** What was installed already is not installed again. */
  isInstalled: boolean;
  stages: Map<string, Stage>;
  /** Has a `python` and a `pip`. */
  bin: string;
}

/** Runs the steps of the Dockerfile that Belay renders for a model folder, without an engine: Debian's packages are left out. */
export async function buildServingImage(modelFolder: string, bin: string): Promise<ServingImage> {
  const home = await mkdtemp(join(tmpdir(), "serving-image-"));
  const context = join(home, "context");
  await unpackContext(modelFolder, context);
  await prune(context, parseIgnore(await readFile(join(context, ".dockerignore"), "utf8")));
  const venv = await venvFor(context);
  const mark = join(venv, PINNED);
  const isInstalled = existsSync(mark);
  if (!isInstalled) await rm(venv, { recursive: true, force: true });
  const build: Build = { home, context, venv, isInstalled, stages: new Map(), bin };
  const { instructions } = parseDockerfile(await readFile(join(context, "Dockerfile"), "utf8"));
  for (const instruction of instructions) await take(build, instruction);
  const [final] = [...build.stages.values()].slice(-1);
  const [dependencies] = build.stages.values();
  if (final === undefined || dependencies === undefined) throw new Error("The Dockerfile has no stage.");
  if (!isInstalled) await cp(join(dependencies.root, "build/pinned.txt"), mark);
  const { root, workingDirectory, environment, command } = final;
  return {
    command: [join(venv, "bin", command[0] ?? ""), ...command.slice(1)],
    workingDirectory: join(root, workingDirectory),
    environment: { ...environment, MODEL_PATH: join(root, "opt/model") },
    requirements: await readFile(join(dependencies.root, "build/merged.txt"), "utf8"),
    venv,
    remove: () => rm(home, { recursive: true, force: true }),
  };
}

/** The context as Belay uploads it, on disk. */
async function unpackContext(modelFolder: string, context: string): Promise<void> {
  const artifacts: Record<string, Uint8Array> = {};
  for (const entry of await readdir(modelFolder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) artifacts[path.slice(modelFolder.length + 1)] = await readFile(path);
  }
  const registry = createFakeRegistry();
  const version = registry.register("model", "1", { artifacts });
  const signal = AbortSignal.timeout(60_000);
  const template = await readSourceTemplate(join(ROOT, "infra/serving"));
  const parts = { template, version, artifacts: await registry.listArtifacts(version, signal) };
  await mkdir(context);
  await pipeline(await openContext(registry, parts, signal), extract({ cwd: context }));
}

/** One virtual environment for each set of requirements, kept from run to run. */
async function venvFor(context: string): Promise<string> {
  const hash = createHash("sha256");
  for (const file of ["requirements.txt", "merge_requirements.py", "pin_versions.py", "model/requirements.txt"])
    hash.update(await readFile(join(context, file)));
  return join(ROOT, ".cache", `serving-${hash.digest("hex").slice(0, 16)}`);
}

async function take(build: Build, { keyword, flags, arguments: words, text }: Instruction): Promise<void> {
  const stage = [...build.stages.values()].at(-1);
  if (keyword === "ARG") return;
  if (keyword === "FROM") return open(build, / AS (\S+)$/.exec(words)?.[1] ?? "final");
  if (stage === undefined) throw new Error(`${text} stands before the first stage.`);
  switch (keyword) {
    case "WORKDIR":
      stage.workingDirectory = words;
      await mkdir(join(stage.root, words), { recursive: true });
      return;
    case "ENV":
      for (const pair of words.trim().split(/\s+/)) {
        const [name = "", value = ""] = pair.split("=");
        stage.environment[name] = value.replace("/opt/venv", build.venv).replace("$PATH", "/usr/bin:/bin");
      }
      return;
    case "COPY":
      return copy(build, stage, flags.get("from"), words.trim().split(/\s+/));
    case "RUN":
      return runSteps(build, stage, words);
    case "CMD":
      stage.command = JSON.parse(words);
      return;
    case "USER":
    case "EXPOSE":
    case "STOPSIGNAL":
      return;
    default:
      throw new Error(`${text} is not among the steps that can be run here.`);
  }
}

async function open(build: Build, name: string): Promise<void> {
  const root = join(build.home, name);
  await mkdir(join(root, "opt"), { recursive: true });
  build.stages.set(name, { root, workingDirectory: "/", environment: {}, command: [] });
}

async function copy(build: Build, stage: Stage, from: string | undefined, words: string[]): Promise<void> {
  const target = words.pop() ?? "";
  const source = from === undefined ? build.context : (build.stages.get(from)?.root ?? "");
  if (words[0] === "/opt/venv") return symlink(build.venv, join(stage.root, target));
  const into = target.startsWith("/") ? join(stage.root, target) : join(stage.root, stage.workingDirectory, target);
  const patterns = words.map((word) => word.replace(/^\/|\/$/g, ""));
  const found = globSync(patterns, { cwd: source }).map((path) => join(source, path));
  if (found.length === 0) throw new Error(`COPY ${words.join(" ")}: there is no such file in the context.`);
  await mkdir(into, { recursive: true });
  for (const path of found) {
    const isFolder = (await stat(path)).isDirectory();
    await cp(path, isFolder ? into : join(into, basename(path)), { recursive: true });
  }
}

async function runSteps(build: Build, stage: Stage, words: string): Promise<void> {
  for (const step of words.split("&&").map((part) => part.trim())) {
    if (/^apt-get |^rm -rf \/var\/lib\/apt/.test(step)) continue;
    // What follows an installation only uses what was found out by it.
    if (build.isInstalled && step.includes("/opt/venv")) return;
    const inside = step
      .replaceAll("/opt/venv", build.venv)
      .replaceAll(/(?<= )\/opt\/(?=model)/g, `${join(stage.root, "opt")}/`);
    await run("sh", ["-ec", inside], {
      cwd: join(stage.root, stage.workingDirectory),
      env: { ...process.env, PATH: [build.bin, process.env["PATH"]].join(delimiter) },
      timeout: 600_000,
    });
  }
}
