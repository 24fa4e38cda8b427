import { randomUUID } from "node:crypto";
import { access, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ImageProcess } from "./command-line.ts";

/** Fetches an image and unpacks its layers into `directory`; rejects with a sentence that says why it cannot. */
export type PullImage = (request: {
  url: string;
  repository: string;
  reference: string;
  directory: string;
  ca?: string | undefined;
  signal?: AbortSignal | undefined;
}) => Promise<{ digest: string; config: ImageProcess }>;

/** An unpacked image; its directory is shared by all containers of it and must not be written to. */
export type UnpackedImage = {
  readonly directory: string;
  readonly imageID: string;
  readonly process: ImageProcess;
};

/** Why an image is not there, in a kubelet's words. */
export class ImageError extends Error {
  readonly reason: "ErrImagePull" | "ErrImageNeverPull" | "InvalidImageName";

  constructor(reason: ImageError["reason"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ImageError";
    this.reason = reason;
  }
}

export type ImageReference = { readonly registry: string; readonly repository: string; readonly reference: string };

/** Splits host[:port]/repository[:tag][@digest]; a digest wins over a tag, no tag means latest. Throws ImageError. */
export function parseImageReference(image: string): ImageReference {
  const [, registry, repository, tag, digest] =
    /^([^/]+)\/([a-z0-9._/-]+?)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(image) ?? [];
  if (registry === undefined || repository === undefined) {
    throw new ImageError("InvalidImageName", `couldn't parse image reference "${image}", or it names no registry`);
  }
  if (!/[.:]/.test(registry) && registry !== "localhost") {
    throw new ImageError("ErrImagePull", `"${image}" names no registry; only registries named in the image are asked`);
  }
  return { registry, repository, reference: digest ?? tag ?? "latest" };
}

export type ImageStore = {
  /** The image, and whether it had to be fetched; throws ImageError. */
  get(image: string, policy: string): Promise<{ image: UnpackedImage; isPulled: boolean }>;
};

export type ImageStoreOptions = {
  readonly directory: string;
  readonly pull: PullImage;
  readonly scheme?: "http" | "https" | undefined;
  readonly ca?: string | undefined;
  /** Ends the pulls that are under way. */
  readonly signal: AbortSignal;
};

/** Images below `directory`, each unpacked once. Unless told otherwise, a registry on this machine without a `ca` is asked over http. */
export function createImageStore(options: ImageStoreOptions): ImageStore {
  const present = new Map<string, UnpackedImage>();
  const pulling = new Map<string, Promise<UnpackedImage>>();
  return {
    async get(image, policy) {
      const known = present.get(image);
      if (known && (image.includes("@sha256:") || policy !== "Always")) return { image: known, isPulled: false };
      if (policy === "Never") {
        const message = `Container image "${image}" is not present with pull policy of Never`;
        throw new ImageError("ErrImageNeverPull", message);
      }
      const reference = parseImageReference(image);
      const pulled = pulling.get(image) ?? pullInto(image, reference, options).finally(() => pulling.delete(image));
      pulling.set(image, pulled);
      present.set(image, await pulled);
      return { image: await pulled, isPulled: true };
    },
  };
}

async function pullInto(
  image: string,
  { registry, repository, reference }: ImageReference,
  { directory: parent, pull, scheme, ca, signal }: ImageStoreOptions,
): Promise<UnpackedImage> {
  const isPlain = ca === undefined && /^(?:127\.|localhost(?::|$))/.test(registry);
  const url = `${scheme ?? (isPlain ? "http" : "https")}://${registry}`;
  const fresh = join(parent, randomUUID());
  await mkdir(fresh, { recursive: true });
  try {
    const { digest, config } = await pull({ url, repository, reference, directory: fresh, ca, signal });
    const directory = join(parent, digest.replace(":", "-"));
    await rename(fresh, directory).catch(async (error: unknown) => {
      // Another reference to the same image was faster.
      if (!(await isThere(directory))) throw error;
      await rm(fresh, { recursive: true });
    });
    return { directory, imageID: `${registry}/${repository}@${digest}`, process: config };
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    const why = error instanceof Error ? error.message : String(error);
    throw new ImageError("ErrImagePull", `failed to pull image "${image}": ${why}`, { cause: error });
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
