import { createHash } from "node:crypto";
import { z } from "zod";

/** Media types of https://github.com/opencontainers/image-spec and of Docker's image format, version 2 schema 2. */
export const MEDIA_TYPES = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  layerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar",
  dockerLayerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
} as const;

/** Everything a client that reads images can be answered with, as an Accept header. */
export const MANIFEST_ACCEPT = [
  MEDIA_TYPES.manifest,
  MEDIA_TYPES.index,
  MEDIA_TYPES.dockerManifest,
  MEDIA_TYPES.dockerList,
].join(", ");

/** The largest manifest and image configuration, in bytes; the distribution spec asks for at least 4 MiB. */
export const MANIFEST_LIMIT_BYTES = 4 * 1024 * 1024;

/** The largest blob, in bytes. */
export const BLOB_LIMIT_BYTES = 2 * 1024 * 1024 * 1024;

export const REPOSITORY_PATTERN = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
export const TAG_PATTERN = /^\w[\w.-]{0,127}$/;
export const DIGEST_PATTERN = /^sha256:[0-9a-f]{64}$/;

/** The digest of these bytes, as `sha256:<64 hex>`. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

const platformSchema = z.looseObject({ architecture: z.string(), os: z.string() });

const descriptorSchema = z.looseObject({
  mediaType: z.string(),
  digest: z.string().regex(DIGEST_PATTERN),
  size: z.number().int().nonnegative(),
  platform: platformSchema.optional(),
});

const common = {
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  subject: descriptorSchema.optional(),
  annotations: z.record(z.string(), z.string()).optional(),
};

export const imageManifestSchema = z.looseObject({
  ...common,
  config: descriptorSchema,
  layers: z.array(descriptorSchema),
});

export const imageIndexSchema = z.looseObject({ ...common, manifests: z.array(descriptorSchema) });

const listOfStrings = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? []);
const setOfNames = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((value) => value ?? {});

/** What an image says about the process to start; fields that are absent or null become empty. */
export const processConfigSchema = z.looseObject({
  Env: listOfStrings,
  Cmd: listOfStrings,
  Entrypoint: listOfStrings,
  WorkingDir: z.string().default(""),
  User: z.string().default(""),
  ExposedPorts: setOfNames,
  Volumes: setOfNames,
  Labels: z
    .record(z.string(), z.string())
    .nullish()
    .transform((value) => value ?? {}),
});

export const imageConfigSchema = z.looseObject({
  architecture: z.string(),
  os: z.string(),
  config: processConfigSchema.prefault({}),
  rootfs: z.looseObject({ diff_ids: z.array(z.string()) }),
  history: z.array(z.record(z.string(), z.unknown())).default([]),
});

export type Descriptor = z.infer<typeof descriptorSchema>;
export type ImageManifest = z.infer<typeof imageManifestSchema>;
export type ImageIndex = z.infer<typeof imageIndexSchema>;
export type ImageConfig = z.infer<typeof imageConfigSchema>;
export type ProcessConfig = z.infer<typeof processConfigSchema>;
