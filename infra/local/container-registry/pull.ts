import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, normalize } from "node:path/posix";
import type { z } from "zod";
import { createRegistryClient, ImageError, type RegistryAddress, type RegistryClient } from "./client.ts";
import {
  type Descriptor,
  type ImageConfig,
  type ImageManifest,
  imageConfigSchema,
  imageIndexSchema,
  imageManifestSchema,
  MEDIA_TYPES,
  type ProcessConfig,
} from "./image-format.ts";
import { enterDirectory, UnsafeArchiveError, unpackArchive } from "./unpack.ts";

export { ImageError, type ImageFault } from "./client.ts";

const LIMIT_BYTES = 8 * 1024 * 1024 * 1024;
const LIMIT_ENTRIES = 500_000;

const gzipByLayerType = new Map<string, boolean>([
  [MEDIA_TYPES.layer, false],
  [MEDIA_TYPES.layerGzip, true],
  [MEDIA_TYPES.dockerLayer, false],
  [MEDIA_TYPES.dockerLayerGzip, true],
]);

export type PullOptions = RegistryAddress & {
  repository: string;
  /** A tag or a digest. */
  reference: string;
  /** Where the file tree goes; made if missing. After an error it may be half filled: the caller removes it. */
  directory: string;
};

export type PulledImage = {
  /** Digest of the manifest or index that `reference` names. */
  digest: string;
  config: Pick<
    ProcessConfig,
    "Env" | "Cmd" | "Entrypoint" | "WorkingDir" | "User" | "ExposedPorts" | "Volumes" | "Labels"
  >;
};

export type ResolvedImage = { digest: string; manifest: ImageManifest; config: ImageConfig };

/** The architecture of this machine in the image format's words. */
export function ownArchitecture(): string {
  return process.arch === "x64" ? "amd64" : process.arch;
}

function parse<Shape>(what: string, schema: z.ZodType<Shape>, bytes: Buffer): Shape {
  try {
    return schema.parse(JSON.parse(bytes.toString("utf8")));
  } catch (cause) {
    throw new ImageError("invalid", `${what} is not valid`, { cause });
  }
}

function isIndex(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.index || mediaType === MEDIA_TYPES.dockerList;
}

/** The manifest and configuration of an image; of an index, those for linux and this architecture. */
export async function resolveImage(
  client: RegistryClient,
  repository: string,
  reference: string,
  architecture: string,
): Promise<ResolvedImage> {
  const named = await client.readManifest(repository, reference);
  let bytes = named.bytes;
  if (isIndex(named.mediaType)) {
    const { manifests } = parse(`the index ${named.digest}`, imageIndexSchema, named.bytes);
    const fitting = manifests.find(
      ({ platform }) => platform?.os === "linux" && platform.architecture === architecture,
    );
    if (!fitting) throw new ImageError("not-found", `${repository}@${named.digest} has no image for ${architecture}`);
    bytes = (await client.readManifest(repository, fitting.digest)).bytes;
  }
  const manifest = parse(`the manifest of ${repository}@${named.digest}`, imageManifestSchema, bytes);
  const config = await client.readBlob(repository, manifest.config);
  return {
    digest: named.digest,
    manifest,
    config: parse(`the configuration of ${repository}@${named.digest}`, imageConfigSchema, config),
  };
}

async function unpackLayer(
  client: RegistryClient,
  layer: Descriptor,
  options: PullOptions,
  temporary: string,
): Promise<void> {
  const gzip = gzipByLayerType.get(layer.mediaType);
  if (gzip === undefined) throw new ImageError("invalid", `layers of type ${layer.mediaType} are not supported`);
  const file = join(temporary, "layer");
  await client.downloadBlob(options.repository, layer, file);
  try {
    await unpackArchive({
      file,
      gzip,
      directory: options.directory,
      absoluteLinks: "rebase",
      whiteouts: true,
      limitBytes: LIMIT_BYTES,
      limitEntries: LIMIT_ENTRIES,
      signal: options.signal,
    });
  } catch (cause) {
    if (!(cause instanceof UnsafeArchiveError)) throw cause;
    throw new ImageError("invalid", `layer ${layer.digest}: ${cause.message}`, { cause });
  } finally {
    await rm(file);
  }
}

/**
 * Unpacks an image's layers, in order, into a directory, makes its working directory, and says what to start.
 * Throws an ImageError: `not-found`, `refused`, `unreachable`, or `invalid` for wrong digests and unsafe archives.
 */
export async function pullImage(options: PullOptions): Promise<PulledImage> {
  const client = createRegistryClient(options);
  const temporary = await mkdtemp(join(tmpdir(), "image-pull-"));
  try {
    const { digest, manifest, config } = await resolveImage(
      client,
      options.repository,
      options.reference,
      ownArchitecture(),
    );
    await mkdir(options.directory, { recursive: true });
    for (const layer of manifest.layers) await unpackLayer(client, layer, options, temporary);
    const working = normalize(`/${config.config.WorkingDir}`).split("/").filter(Boolean);
    await enterDirectory(await realpath(options.directory), working);
    const { Env, Cmd, Entrypoint, WorkingDir, User, ExposedPorts, Volumes, Labels } = config.config;
    return { digest, config: { Env, Cmd, Entrypoint, WorkingDir, User, ExposedPorts, Volumes, Labels } };
  } finally {
    client.close();
    await rm(temporary, { recursive: true, force: true });
  }
}
