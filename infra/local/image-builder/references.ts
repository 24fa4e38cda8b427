import { REPOSITORY_PATTERN, TAG_PATTERN } from "../container-registry/image-format.ts";
import { BuildError } from "./dockerfile.ts";

export type Platform = { os: string; architecture: string; variant?: string };

export function parsePlatform(platform: string): Platform {
  const [os = "", architecture = "", variant] = platform.toLowerCase().split("/");
  if (os !== "linux" || architecture === "")
    throw new BuildError(`the platform ${platform} is not supported: linux only`);
  return { os, architecture, ...(variant && { variant }) };
}

/** The repository and the names of `repository:tag` or `host/repository:tag`, all of one repository. */
export function parseTags(tags: readonly string[], host: string): { repository: string; names: string[] } {
  const pairs = tags.map((tag) => {
    const local = tag.startsWith(`${host}/`) ? tag.slice(host.length + 1) : tag;
    const [repository = "", name = "latest", ...more] = local.split(":");
    if (!REPOSITORY_PATTERN.test(repository) || !TAG_PATTERN.test(name) || more.length > 0) {
      throw new BuildError(`invalid argument "${tag}" for a tag: invalid reference format`);
    }
    return { repository, name };
  });
  const [repository, ...others] = new Set(pairs.map((pair) => pair.repository));
  if (repository === undefined || others.length > 0) throw new BuildError("tags of exactly one repository are needed");
  return { repository, names: pairs.map(({ name }) => name) };
}

/** The base's name and reference, or undefined for `scratch`. */
export function parseBase(image: string, host: string): { repository: string; reference: string } | undefined {
  if (image === "scratch") return undefined;
  const local = image.startsWith(`${host}/`) ? image.slice(host.length + 1) : image;
  const [, repository = "", tag = "latest", digest] =
    /^([^:@]+)(?::([\w.-]+))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(local) ?? [];
  const [first = "", ...rest] = repository.split("/");
  if (!REPOSITORY_PATTERN.test(repository) || (rest.length > 0 && first.includes("."))) {
    throw new BuildError(`FROM ${image}: the built-in builder takes base images from its own registry (${host}) only`);
  }
  return { repository, reference: digest ?? tag };
}
