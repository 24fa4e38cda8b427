import { createReadStream, createWriteStream, type Stats } from "node:fs";
import { chmod, link, lstat, mkdir, readdir, realpath, rm, symlink } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { type ExtractEvents, extract, type Header } from "tar-stream";

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";

type Content = ExtractEvents["entry"][1];

/** An archive that must not be unpacked: it leaves its directory, is too large, or holds devices. */
export class UnsafeArchiveError extends Error {
  override name = "UnsafeArchiveError";
}

export type UnpackOptions = {
  file: string;
  gzip: boolean;
  directory: string;
  /** What an absolute symbolic link means: the directory is the root of its world, or the archive is refused. */
  absoluteLinks: "rebase" | "refuse";
  /** Whether `.wh.` entries take away what was there before (OCI image-spec, layer.md). */
  whiteouts: boolean;
  limitBytes: number;
  limitEntries: number;
  signal?: AbortSignal | undefined;
};

async function lstatOrNone(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Unpacks a tar archive; owners, times and set-user-id bits are not kept. Throws UnsafeArchiveError. */
export async function unpackArchive(options: UnpackOptions): Promise<void> {
  const root = await realpath(options.directory);
  const tree = createTree(root, options);
  let entries = 0;
  let bytes = 0;

  function refuseTooMuch(header: Header): void {
    entries += 1;
    bytes += header.size;
    if (entries > options.limitEntries || bytes > options.limitBytes) {
      throw new UnsafeArchiveError(
        `the archive is larger than ${options.limitBytes} bytes or ${options.limitEntries} entries`,
      );
    }
  }

  async function take(header: Header, content: Content): Promise<void> {
    refuseTooMuch(header);
    await tree.place(header, content);
    content.resume();
  }

  const archive = extract();
  let last = Promise.resolve();
  archive.on("entry", (header, content, next) => {
    last = take(header, content);
    last.then(() => next(), next);
  });
  const source = createReadStream(options.file);
  const { signal } = options;
  if (options.gzip) await pipeline(source, createGunzip(), archive, { signal });
  else await pipeline(source, archive, { signal });
  await last;
}

function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root + sep);
}

function segmentsOf(name: string): string[] {
  const segments = name.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (name.startsWith("/") || name.includes("\0") || segments.includes("..")) {
    throw new UnsafeArchiveError(`the entry ${JSON.stringify(name)} leads out of its directory`);
  }
  return segments;
}

async function step(path: string): Promise<string> {
  const found = await lstatOrNone(path);
  if (!found) await mkdir(path);
  return found?.isSymbolicLink() ? realpath(path) : path;
}

/** The real path of a directory under `root`, made where it is missing; links on the way are followed inside only. */
export async function enterDirectory(root: string, segments: readonly string[]): Promise<string> {
  let at = root;
  for (const segment of segments) {
    at = await step(join(at, segment));
    if (!isInside(root, at)) throw new UnsafeArchiveError(`${segments.join("/")} leads out of its directory`);
  }
  return at;
}

function createTree(root: string, { absoluteLinks, whiteouts, signal }: UnpackOptions) {
  /** What this archive has written, with every directory on the way: whiteouts leave it alone. */
  const written = new Set<string>();

  function remember(path: string): void {
    for (let at = path; isInside(root, at) && !written.has(at); at = dirname(at)) written.add(at);
  }

  async function clear(directory: string): Promise<void> {
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (!written.has(path)) await rm(path, { recursive: true, force: true });
      else if (entry.isDirectory()) await clear(path);
    }
  }

  async function whiteOut(parent: string, base: string): Promise<void> {
    if (base === OPAQUE) return clear(parent);
    const name = base.slice(WHITEOUT.length);
    if (name === "" || name === "." || name === "..") throw new UnsafeArchiveError(`the whiteout ${base} is not valid`);
    const path = join(parent, name);
    if (!written.has(path)) await rm(path, { recursive: true, force: true });
  }

  async function placeDirectory(path: string, mode: number): Promise<void> {
    const found = await lstatOrNone(path);
    if (found && !found.isDirectory()) await rm(path);
    if (!found?.isDirectory()) await mkdir(path);
    // Its owner must be able to write what follows, whatever the archive says.
    await chmod(path, mode | 0o700);
  }

  async function placeLink(path: string, target: string): Promise<void> {
    if (target.startsWith("/") && absoluteLinks === "refuse") {
      throw new UnsafeArchiveError(`the link to ${target} leads out of its directory`);
    }
    const parent = dirname(path);
    const resolved = target.startsWith("/") ? join(root, target) : resolve(parent, target);
    if (!isInside(root, resolved)) throw new UnsafeArchiveError(`the link to ${target} leads out of its directory`);
    await symlink(target.startsWith("/") ? relative(parent, resolved) || "." : target, path);
  }

  async function placeHardLink(path: string, target: string): Promise<void> {
    const segments = segmentsOf(target);
    const existing = join(await enterDirectory(root, segments.slice(0, -1)), segments.at(-1) ?? "");
    if (!(await lstatOrNone(existing))?.isFile()) throw new UnsafeArchiveError(`the link to ${target} leads nowhere`);
    await rm(path, { recursive: true, force: true });
    await link(existing, path);
  }

  async function placeEntry(header: Header, content: Content, path: string): Promise<void> {
    const { type, linkname, mode } = header;
    if (type === "directory") return placeDirectory(path, mode & 0o777);
    if (type === "link") return placeHardLink(path, linkname);
    await rm(path, { recursive: true, force: true });
    if (type === "symlink") return placeLink(path, linkname);
    if (type !== "file" && type !== "contiguous-file") {
      throw new UnsafeArchiveError(`the entry ${header.name} is a ${type}, which is not supported`);
    }
    await pipeline(content, createWriteStream(path, { flags: "wx" }), { signal });
    await chmod(path, mode & 0o777);
  }

  return {
    async place(header: Header, content: Content): Promise<void> {
      const segments = segmentsOf(header.name);
      const base = segments.at(-1);
      if (base === undefined) return;
      const parent = await enterDirectory(root, segments.slice(0, -1));
      if (whiteouts && base.startsWith(WHITEOUT)) return whiteOut(parent, base);
      const path = join(parent, base);
      await placeEntry(header, content, path);
      remember(path);
    },
  };
}
