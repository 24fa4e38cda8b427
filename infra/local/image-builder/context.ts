import { lstat, mkdir, readFile, realpath } from "node:fs/promises";
import { join, posix } from "node:path";
import { UnsafeArchiveError, unpackArchive } from "../container-registry/unpack.ts";
import { BuildError } from "./dockerfile.ts";
import { parseIgnore, prune } from "./ignore.ts";

const LIMIT_BYTES = 4 * 1024 * 1024 * 1024;
const LIMIT_ENTRIES = 100_000;
const TEXT_LIMIT_BYTES = 1024 * 1024;

async function readText(root: string, name: string): Promise<string | undefined> {
  const path = posix.normalize(`/${name}`);
  const facts = await lstat(join(root, path)).catch(() => undefined);
  if (!facts?.isFile()) return undefined;
  if (facts.size > TEXT_LIMIT_BYTES) throw new BuildError(`${name} is longer than ${TEXT_LIMIT_BYTES} bytes`);
  return readFile(join(root, path), "utf8");
}

/** Unpacks a context without what its `.dockerignore` excludes; returns its real path and the Dockerfile's text. */
export async function openContext(
  contextTarGz: string,
  directory: string,
  dockerfile: string,
  signal: AbortSignal | undefined,
): Promise<{ root: string; source: string }> {
  await mkdir(directory);
  const root = await realpath(directory);
  try {
    await unpackArchive({
      file: contextTarGz,
      gzip: true,
      directory: root,
      absoluteLinks: "refuse",
      whiteouts: false,
      limitBytes: LIMIT_BYTES,
      limitEntries: LIMIT_ENTRIES,
      signal,
    });
  } catch (cause) {
    signal?.throwIfAborted();
    const reason = cause instanceof Error ? cause.message : String(cause);
    const what = cause instanceof UnsafeArchiveError ? "is refused" : "cannot be unpacked";
    throw new BuildError(`the build context ${what}: ${reason}`, { cause });
  }
  const source = await readText(root, dockerfile);
  if (source === undefined) throw new BuildError(`Cannot locate specified Dockerfile: ${dockerfile}`);
  const ignore = await readText(root, ".dockerignore");
  if (ignore !== undefined) await prune(root, parseIgnore(ignore));
  return { root, source };
}
