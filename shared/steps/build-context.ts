import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { pack as createPack, type Pack } from "tar-stream";
import { PermanentError } from "../domain/errors.ts";
import type { ModelVersion } from "../domain/model.ts";
import type { ModelArtifact, ModelRegistry } from "../ports/model-registry.ts";
import type { SourceTemplate } from "../ports/source-template.ts";

/** Above this many bytes of artifacts the build fetches them by itself instead of a visit carrying them. */
export const CARRIED_BYTES = 256 * 1024 * 1024;
/** Where the model lies in the context, and the line of the Dockerfile that copies it. */
const MODEL_FOLDER = "model/";
const COPY_MODEL = /^COPY\s+model\/?\s+(\S+)\s*$/im;

/** Everything one build is made from. */
export interface ContextParts {
  template: SourceTemplate;
  version: ModelVersion;
  artifacts: readonly ModelArtifact[];
}

export function totalBytes(artifacts: readonly ModelArtifact[]): number {
  return artifacts.reduce((sum, { bytes }) => sum + bytes, 0);
}

/**
 * The build context as a gzipped tar, streamed: at no time is more than one chunk of an artifact in memory.
 * Above 256 MiB the Dockerfile's `COPY model/ …` becomes one `ADD` per file, which the builder fetches.
 */
export async function openContext(
  registry: ModelRegistry,
  parts: ContextParts,
  signal: AbortSignal,
): Promise<Readable> {
  if (totalBytes(parts.artifacts) <= CARRIED_BYTES) return Readable.from(pack(registry, parts, signal));
  const files = await fetchingFiles(registry, parts);
  const template = { ...parts.template, files };
  return Readable.from(pack(registry, { ...parts, template, artifacts: [] }, signal));
}

/** Nothing is fetched before the first chunk is asked for, so a failure always has a reader that sees it. */
async function* pack(registry: ModelRegistry, parts: ContextParts, signal: AbortSignal): AsyncGenerator<Buffer> {
  const tar = createPack();
  const gzip = createGzip();
  tar.on("error", (error) => gzip.destroy(error));
  tar.pipe(gzip);
  writeEntries(tar, registry, parts, signal).catch((error: unknown) =>
    tar.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  try {
    for await (const chunk of gzip) yield chunk;
  } finally {
    // A reader that leaves stops the reading of the artifacts.
    tar.destroy();
  }
}

async function writeEntries(
  tar: Pack,
  registry: ModelRegistry,
  { template, version, artifacts }: ContextParts,
  signal: AbortSignal,
): Promise<void> {
  for (const { path, content } of template.files)
    tar.entry({ name: path, size: content.byteLength }, Buffer.from(content));
  for (const { path, bytes } of artifacts) {
    // Opened before the entry exists: an entry nobody writes to would fail without anybody to hear it.
    const artifact = await registry.openArtifact(version, path, signal);
    const entry = tar.entry({ name: `${MODEL_FOLDER}${path}`, size: bytes });
    await pipeline(artifact, entry as unknown as NodeJS.WritableStream, { signal });
  }
  tar.finalize();
}

async function fetchingFiles(registry: ModelRegistry, { template, version, artifacts }: ContextParts) {
  const dockerfile = template.files.find(({ path }) => path === "Dockerfile");
  const text = dockerfile === undefined ? "" : Buffer.from(dockerfile.content).toString("utf8");
  const folder = COPY_MODEL.exec(text)?.[1];
  if (folder === undefined)
    throw new PermanentError(
      "build-too-large",
      `The model has more than ${CARRIED_BYTES} bytes, and the template's Dockerfile has no line "COPY model/ …" that could fetch it.`,
    );
  const lines = await Promise.all(
    artifacts.map(
      async ({ path }) => `ADD ${await registry.artifactAddress(version, path)} ${folder.replace(/\/?$/, "/")}${path}`,
    ),
  );
  const content = Buffer.from(text.replace(COPY_MODEL, lines.join("\n")), "utf8");
  return template.files.map((file) => (file === dockerfile ? { path: file.path, content } : file));
}
