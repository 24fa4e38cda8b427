import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { invalid, notFound } from "./errors.ts";

export interface ArtifactEntry {
  name: string;
  /** Bytes; undefined for a directory. */
  size: number | undefined;
}

/** Artifacts as files under a temporary directory; contents are streamed and never held in memory. */
export interface ArtifactStore {
  /** Appears under its path only when it is complete. */
  write(path: string, content: AsyncIterable<Uint8Array>): Promise<void>;
  /** Where the file is and its bytes; throws for a directory and for what is not there. */
  locate(path: string): Promise<{ file: string; size: number }>;
  /** Sorted by name; empty for a file and for what is not there. */
  list(path: string): Promise<ArtifactEntry[]>;
  delete(path: string): Promise<void>;
  /** Removes the temporary directory. */
  close(): Promise<void>;
}

export async function createArtifactStore(): Promise<ArtifactStore> {
  const home = await mkdtemp(join(tmpdir(), "mlflow-stand-in-"));
  const [root, uploads] = [join(home, "artifacts"), join(home, "uploads")];
  await Promise.all([mkdir(root), mkdir(uploads)]);
  let uploaded = 0;

  const resolve = (path: string): string => join(root, checkPath(path));

  return {
    async write(path, content) {
      const target = resolve(path);
      uploaded += 1;
      const partial = join(uploads, String(uploaded));
      try {
        await pipeline(content, createWriteStream(partial));
        await mkdir(dirname(target), { recursive: true });
        await rename(partial, target);
      } finally {
        await rm(partial, { force: true });
      }
    },
    async locate(path) {
      const file = resolve(path);
      const found = await stat(file).catch(absent);
      if (found === undefined) throw notFound(`No such artifact: '${path}'`);
      if (found.isDirectory()) throw invalid(`Artifact path refers to a directory, not a file: '${path}'`);
      return { file, size: found.size };
    },
    async list(path) {
      const directory = resolve(path);
      const entries = (await readdir(directory, { withFileTypes: true }).catch(absent)) ?? [];
      const listed = entries.map(async (entry) => ({
        name: entry.name,
        size: entry.isDirectory() ? undefined : (await stat(join(directory, entry.name))).size,
      }));
      return (await Promise.all(listed)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
    },
    delete: (path) => rm(resolve(path), { recursive: true, force: true }),
    close: () => rm(home, { recursive: true, force: true }),
  };
}

/** The path within the store that an artifact URI names; undefined when it lies elsewhere. */
export function pathOfUri(uri: string): string | undefined {
  return /^mlflow-artifacts:\/*(?<path>[^/].*)$/s.exec(uri)?.groups?.["path"];
}

/** Refuses what could leave the root; MLflow refuses `#` too. */
function checkPath(path: string): string {
  const parts = path.split(/[/\\]/);
  if (path.startsWith("/") || parts.includes("..") || /[#\0]/.test(path) || /%2e|%2f|%5c/i.test(path)) {
    throw invalid("Invalid path");
  }
  return path;
}

function absent(error: unknown): undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR") return undefined;
  throw error;
}
