import { createHash } from "node:crypto";
import { buffer } from "node:stream/consumers";
import type { BuildRequest, BuildState, ImageBuilder } from "../../shared/ports/image-builder.ts";
import type { ImageRegistry } from "../../shared/ports/image-registry.ts";

export interface FakeBuilder extends ImageBuilder {
  /** Every build that was started, also where its record was removed. */
  builds(): readonly BuildRequest[];
}

export interface FakeImages extends ImageRegistry {
  push(repository: string, tag: string, digest: string): void;
  /** Deletes an image behind Belay's back; false: it is locked. */
  drop(digest: string): boolean;
  /** Deletes an image although it is locked, as somebody with the right to unlock it can. */
  lose(digest: string): void;
  /** The tag an image was pushed under. */
  tagOf(image: string): string | undefined;
  locked(): ReadonlySet<string>;
  /** Whether an image of this digest is there. */
  has(digest: string): boolean;
}

export function createFakeImages(): FakeImages {
  const tags = new Map<string, string>();
  const digests = new Set<string>();
  const locked = new Set<string>();
  return {
    loginServer: "registry.test",
    digestOf: async (repository, tag) => {
      const digest = tags.get(`${repository}:${tag}`);
      return digest !== undefined && digests.has(`${repository}@${digest}`) ? digest : undefined;
    },
    lock: async (repository, digest) => {
      if (!digests.has(`${repository}@${digest}`)) return false;
      locked.add(`${repository}@${digest}`);
      return true;
    },
    unlock: async (repository, digest) => void locked.delete(`${repository}@${digest}`),
    remove: async (repository, digest) => {
      const image = `${repository}@${digest}`;
      if (!digests.has(image)) return "absent";
      if (locked.has(image)) return "locked";
      digests.delete(image);
      for (const [tag, named] of tags) if (named === digest && tag.startsWith(`${repository}:`)) tags.delete(tag);
      return "removed";
    },
    exists: async (repository, digest) => digests.has(`${repository}@${digest}`),
    ping: async () => {},
    push: (repository, tag, digest) => {
      tags.set(`${repository}:${tag}`, digest);
      digests.add(`${repository}@${digest}`);
    },
    drop: (digest) => {
      const images = [...digests].filter((key) => key.endsWith(digest));
      if (images.some((key) => locked.has(key))) return false;
      for (const key of images) digests.delete(key);
      return true;
    },
    lose: (digest) => {
      for (const key of [...digests].filter((one) => one.endsWith(digest))) digests.delete(key);
    },
    tagOf: (image) => [...tags].find(([, digest]) => image.endsWith(digest))?.[0].split(":")[1],
    locked: () => locked,
    has: (digest) => [...digests].some((key) => key.endsWith(digest)),
  };
}

/** Builds take virtual seconds; what a build comes to is asked of `fate` by its request. */
export function createFakeBuilder(
  now: () => number,
  images: FakeImages,
  fate: (request: BuildRequest) => { seconds: number; state?: Extract<BuildState, { kind: "failed" }> },
): FakeBuilder {
  const runs = new Map<string, { request: BuildRequest; startedAt: number }>();
  const built: BuildRequest[] = [];
  let uploads = 0;
  return {
    uploadContext: async (context) => {
      await buffer(context);
      uploads += 1;
      return `source/${uploads}.tar.gz`;
    },
    start: async (request) => {
      if (runs.has(request.name)) return;
      runs.set(request.name, { request, startedAt: now() });
      built.push(request);
    },
    look: async (name) => {
      const run = runs.get(name);
      if (run === undefined) return { kind: "absent" };
      const { seconds, state } = fate(run.request);
      if (now() < run.startedAt + seconds * 1000) return { kind: "running" };
      if (state !== undefined) return state;
      const [repository = "", tag = ""] = (run.request.images[0] ?? "").split(":");
      const digest = `sha256:${createHash("sha256").update(`${repository}:${tag}`).digest("hex")}`;
      images.push(repository, tag, digest);
      return { kind: "succeeded", digest };
    },
    remove: async (name) => void runs.delete(name),
    builds: () => [...built],
  };
}
