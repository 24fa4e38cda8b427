import { lstat, readdir, readlink, realpath } from "node:fs/promises";
import { join, posix, sep } from "node:path";
import { BuildError } from "./dockerfile.ts";
import type { LayerEntry } from "./layer.ts";

export type CopyRequest = {
  /** The real path of the unpacked context. */
  context: string;
  sources: readonly string[];
  /** As written; it is a directory if it ends with a slash. */
  destination: string;
  workingDirectory: string;
  owner: { uid: number; gid: number };
  /** Instead of the modes of the context. */
  mode?: number | undefined;
  isDirectory: (path: string) => Promise<boolean>;
};

type Common = Pick<LayerEntry, "path" | "mode" | "uid" | "gid">;

type Found = { path: string; name: string; isDirectory: boolean };

function notFound(source: string): BuildError {
  return new BuildError(
    `COPY failed: file not found in build context or excluded by .dockerignore: stat ${source}: file does not exist`,
  );
}

async function find(context: string, source: string): Promise<Found> {
  try {
    const path = await realpath(join(context, source));
    if (path !== context && !path.startsWith(context + sep)) throw outside(source);
    return { path, name: posix.basename(source), isDirectory: (await lstat(path)).isDirectory() };
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) {
      throw notFound(source);
    }
    throw error;
  }
}

function outside(source: string): BuildError {
  return new BuildError(`COPY failed: forbidden path outside the build context: ${source} ()`);
}

async function findAll(context: string, source: string): Promise<Found[]> {
  const clean = posix.normalize(source.replace(/^\/+/, ""));
  if (clean === ".." || clean.startsWith("../")) throw outside(source);
  const { dir, base } = posix.parse(clean);
  if (/[*?[]/.test(dir) || base.includes("[")) {
    throw new BuildError(`COPY failed: the built-in builder knows * and ? in the last part of a path only: ${source}`);
  }
  if (!/[*?]/.test(base)) return [await find(context, clean)];
  const expression = new RegExp(
    `^${base.replace(/[^\w]/g, (character) => ({ "*": ".*", "?": "." })[character] ?? `\\${character}`)}$`,
    "s",
  );
  const parent = await find(context, dir);
  const names = (await readdir(parent.path)).filter((name) => expression.test(name)).sort();
  if (names.length === 0) throw new BuildError("COPY failed: no source files were specified");
  return Promise.all(names.map((name) => find(context, posix.join(dir, name))));
}

/** What a COPY puts into the image, sorted by path; throws a BuildError in docker's words. */
export async function collectCopy(request: CopyRequest): Promise<LayerEntry[]> {
  const { context, destination, isDirectory, owner, mode } = request;
  const found: Found[] = [];
  for (const source of request.sources) found.push(...(await findAll(context, source)));
  const target = posix.resolve("/", request.workingDirectory, destination);
  const intoDirectory = /(?:^|\/)\.?$/.test(destination);
  if (found.length > 1 && !intoDirectory) {
    throw new BuildError(
      "When using COPY with more than one source file, the destination must be a directory and end with a /",
    );
  }
  const entries = new Map<string, LayerEntry>();

  async function takeTree(from: string, to: string, common: Common): Promise<void> {
    if (!(await isDirectory(to))) entries.set(to, { ...common, type: "directory" });
    for (const name of await readdir(from)) await take(join(from, name), posix.join(to, name));
  }

  async function take(from: string, to: string): Promise<void> {
    const facts = await lstat(from);
    const common = { path: to.slice(1), mode: mode ?? facts.mode & 0o777, ...owner };
    if (facts.isDirectory()) return takeTree(from, to, common);
    if (facts.isSymbolicLink()) {
      entries.set(to, { ...common, mode: 0o777, type: "symlink", target: await readlink(from) });
    } else {
      entries.set(to, { ...common, type: "file", source: from, bytes: facts.size });
    }
  }

  const intoExisting = intoDirectory || (await isDirectory(target));
  for (const { path, name, isDirectory: isTree } of found) {
    await take(path, isTree || !intoExisting ? target : posix.join(target, name));
  }
  return [...entries.values()].sort((one, other) => (one.path < other.path ? -1 : 1));
}
