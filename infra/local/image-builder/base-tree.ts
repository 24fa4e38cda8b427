import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join, posix } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import type { RegistryClient } from "../container-registry/client.ts";
import type { Descriptor } from "../container-registry/image-format.ts";

type Listed = { path: string; kind: "directory" | "link" | "gone" | "other"; target: string };

const REMEMBERED_LAYERS = 64;
const LINK_DEPTH = 16;

/** Lists the layers of base images; what was listed once is remembered by digest. */
export function createLayerLists() {
  const lists = new Map<string, Promise<readonly Listed[]>>();

  return (layer: Descriptor, read: () => Promise<readonly Listed[]>): Promise<readonly Listed[]> => {
    const known = lists.get(layer.digest);
    if (known) return known;
    const listing = read();
    lists.set(layer.digest, listing);
    listing.catch(() => lists.delete(layer.digest));
    const [oldest] = lists.keys();
    if (lists.size > REMEMBERED_LAYERS && oldest !== undefined) lists.delete(oldest);
    return listing;
  };
}

export type LayerLists = ReturnType<typeof createLayerLists>;

async function list(file: string, gzip: boolean, signal: AbortSignal | undefined): Promise<readonly Listed[]> {
  const listed: Listed[] = [];
  const archive = extract();
  archive.on("entry", (header, content, next) => {
    const path = posix.resolve("/", header.name);
    const base = posix.basename(path);
    if (base.startsWith(".wh.")) {
      const gone = base === ".wh..wh..opq" ? posix.dirname(path) : posix.join(posix.dirname(path), base.slice(4));
      listed.push({ path: gone, kind: "gone", target: "" });
    } else {
      const kinds = { directory: "directory", symlink: "link" } as const;
      const kind = header.type === "directory" || header.type === "symlink" ? kinds[header.type] : "other";
      listed.push({ path, kind, target: header.linkname });
    }
    content.on("end", () => next());
    content.resume();
  });
  const source = createReadStream(file);
  if (gzip) await pipeline(source, createGunzip(), archive, { signal });
  else await pipeline(source, archive, { signal });
  return listed;
}

export type BaseTreeOptions = {
  client: RegistryClient;
  lists: LayerLists;
  repository: string;
  layers: readonly Descriptor[];
  temporary: string;
  signal?: AbortSignal | undefined;
};

/** Knows which paths of an image are directories: those of its base, read when first asked for, and what steps add. */
export function createImageTree(base: BaseTreeOptions | undefined) {
  const directories = new Set<string>(["/"]);
  const links = new Map<string, string>();
  let isRead = false;

  function addDirectory(path: string): void {
    for (let at = path; !directories.has(at); at = posix.dirname(at)) {
      directories.add(at);
      links.delete(at);
    }
  }

  function remove(path: string): void {
    for (const known of [...directories, ...links.keys()]) {
      if (known !== "/" && (known === path || known.startsWith(`${path}/`))) {
        directories.delete(known);
        links.delete(known);
      }
    }
  }

  function apply({ path, kind, target }: Listed): void {
    if (kind === "gone") {
      remove(path);
      return;
    }
    addDirectory(kind === "directory" ? path : posix.dirname(path));
    if (kind === "link") links.set(path, target);
  }

  async function readBase({ client, lists, repository, layers, temporary, signal }: BaseTreeOptions): Promise<void> {
    const added = [...directories];
    for (const layer of layers) {
      const listed = await lists(layer, async () => {
        const file = join(temporary, "base-layer");
        await client.downloadBlob(repository, layer, file);
        const entries = await list(file, layer.mediaType.endsWith("gzip"), signal);
        await rm(file);
        return entries;
      });
      // Whiteouts are about the layers below, wherever they stand in their own.
      for (const entry of listed.filter(({ kind }) => kind === "gone")) apply(entry);
      for (const entry of listed.filter(({ kind }) => kind !== "gone")) apply(entry);
    }
    added.forEach(addDirectory);
  }

  function look(path: string, depth: number): boolean {
    if (directories.has(path)) return true;
    const target = links.get(path);
    return target !== undefined && depth > 0 && look(posix.resolve(posix.dirname(path), target), depth - 1);
  }

  return {
    addDirectory,

    async isDirectory(path: string): Promise<boolean> {
      if (base && !isRead) {
        isRead = true;
        await readBase(base);
      }
      return look(path, LINK_DEPTH);
    },
  };
}

export type ImageTree = ReturnType<typeof createImageTree>;
