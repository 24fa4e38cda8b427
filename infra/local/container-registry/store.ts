import { randomUUID } from "node:crypto";
import { readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import { RegistryError } from "./errors.ts";
import type { Descriptor } from "./image-format.ts";

/** The four locks of ACR; false forbids. */
export type Attributes = {
  deleteEnabled: boolean;
  writeEnabled: boolean;
  readEnabled: boolean;
  listEnabled: boolean;
};

export type StoredManifest = {
  readonly digest: string;
  readonly mediaType: string;
  readonly body: Buffer;
  /** Bytes of the configuration and the layers; 0 for an index, as ACR says it. */
  readonly imageBytes: number;
  readonly configMediaType: string | undefined;
  readonly platform: { architecture: string; os: string } | undefined;
  readonly references: readonly Descriptor[];
  readonly subject: string | undefined;
  readonly artifactType: string | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
  readonly createdAt: Date;
  updatedAt: Date;
  readonly attributes: Attributes;
};

export type StoredTag = {
  readonly name: string;
  digest: string;
  readonly createdAt: Date;
  updatedAt: Date;
  readonly attributes: Attributes;
};

export type Repository = {
  readonly name: string;
  readonly createdAt: Date;
  updatedAt: Date;
  readonly manifests: Map<string, StoredManifest>;
  readonly tags: Map<string, StoredTag>;
  /** Digests that may be read and referred to in this repository; the bytes are shared by all. */
  readonly blobs: Set<string>;
};

/** Everything the registry holds: blobs as files in `directory`, the rest in memory. */
export function createStore(directory: string, now: () => Date) {
  const repositories = new Map<string, Repository>();
  const blobs = new Map<string, { file: string; bytes: number }>();

  return {
    now,
    repositories,
    blobs,

    newFile(): string {
      return join(directory, randomUUID());
    },

    /** The repository of this name, made when it is new. */
    ensure(name: string): Repository {
      const known = repositories.get(name);
      if (known) return known;
      const at = now();
      const made: Repository = {
        name,
        createdAt: at,
        updatedAt: at,
        manifests: new Map(),
        tags: new Map(),
        blobs: new Set(),
      };
      repositories.set(name, made);
      return made;
    },

    /** The repository of this name; throws NAME_UNKNOWN. */
    repository(name: string): Repository {
      const found = repositories.get(name);
      if (!found) {
        throw new RegistryError(404, "NAME_UNKNOWN", "repository name not known to registry", { detail: { name } });
      }
      return found;
    },

    /** Takes over a verified file as this blob of this repository. */
    async keep(name: string, digest: string, file: string, bytes: number): Promise<void> {
      this.ensure(name).blobs.add(digest);
      if (blobs.has(digest)) await unlink(file);
      else blobs.set(digest, { file, bytes });
    },

    /** The bytes of a blob that is known to be there. */
    async readBlob(digest: string): Promise<Buffer> {
      const blob = blobs.get(digest);
      if (!blob) throw new RegistryError(404, "BLOB_UNKNOWN", "blob unknown to registry", { detail: { digest } });
      return readFile(blob.file);
    },

    /** The blob of this digest if this repository may read it. */
    blob(name: string, digest: string): { file: string; bytes: number } | undefined {
      return repositories.get(name)?.blobs.has(digest) ? blobs.get(digest) : undefined;
    },
  };
}

export type Store = ReturnType<typeof createStore>;

export function unlocked(): Attributes {
  return { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true };
}

/** The page of sorted `names` after `last`, at most `n` long, and whether more follow. */
export function pageOf(names: Iterable<string>, query: URLSearchParams, defaultCount: number) {
  const given = query.get("n");
  if (given !== null && !/^\d{1,9}$/.test(given)) {
    throw new RegistryError(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested", {
      detail: { n: given },
    });
  }
  const count = given === null ? defaultCount : Number(given);
  const last = query.get("last") ?? "";
  const rest = [...names].sort().filter((name) => name > last);
  const page = rest.slice(0, count);
  return { page, hasMore: count > 0 && rest.length > count };
}

/** The Link header to the next page, or none. */
export function nextLink(
  path: string,
  query: URLSearchParams,
  { page, hasMore }: { page: readonly string[]; hasMore: boolean },
): Record<string, string> {
  const last = page.at(-1);
  if (!hasMore || last === undefined) return {};
  const next = new URLSearchParams(query);
  next.set("last", last);
  next.set("n", String(page.length));
  return { link: `<${path}?${next}>; rel="next"` };
}
