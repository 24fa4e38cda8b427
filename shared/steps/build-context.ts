import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGzip } from "node:zlib";
import { pack as createPack, type Pack } from "tar-stream";
import { PermanentError } from "../domain/errors.ts";
import type { ModelVersion } from "../domain/model.ts";
import type { ModelArtifact, ModelRegistry } from "../ports/model-registry.ts";
import type { SourceTemplate } from "../ports/source-template.ts";
import { exactly } from "./artifact-bytes.ts";
import { withPythonVersion } from "./python-version.ts";

/** Above this many bytes of artifacts the build fetches them by itself instead of a visit carrying them. */
export const CARRIED_BYTES = 256 * 1024 * 1024;
/** Where the model lies in the context. */
const MODEL_FOLDER = "model/";
/** What is installed before the model is copied: small, and carried also where the rest is fetched. */
const CARRIED_FILES = ["requirements.txt", "constraints.txt"];
const CARRIED_FILE_BYTES = 1024 * 1024;
/** The lines of the Dockerfile that copy the whole model. */
const COPY_MODEL = /^COPY[ \t]+model\/?[ \t]+(\S+)[ \t\r]*$/gim;
/** Weights hardly become smaller however long one tries. */
const GZIP = { level: constants.Z_BEST_SPEED };

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
 * The Dockerfile's `ARG PYTHON_VERSION=…` becomes the model's own. Above 256 MiB its `COPY model/ …` becomes one `ADD`
 * per file, which the builder fetches; the model's requirements.txt and constraints.txt are carried all the same.
 */
export async function openContext(
  registry: ModelRegistry,
  parts: ContextParts,
  signal: AbortSignal,
): Promise<Readable> {
  const { artifacts } = parts;
  const own = { ...parts, template: await withPythonVersion(registry, parts, signal) };
  if (totalBytes(artifacts) <= CARRIED_BYTES) return openTar(registry, own, signal);
  const template = { ...own.template, files: await fetchingFiles(registry, own) };
  return openTar(registry, { ...own, template, artifacts: artifacts.filter(isCarried) }, signal);
}

function isCarried({ path, bytes }: ModelArtifact): boolean {
  return CARRIED_FILES.includes(path) && bytes <= CARRIED_FILE_BYTES;
}

/**
 * Nothing is fetched before the first chunk is asked for, so a failure always has a reader that sees it; a reader that
 * leaves stops the reading of the artifacts at once, also of one that does not answer.
 */
function openTar(registry: ModelRegistry, parts: ContextParts, signal: AbortSignal): Readable {
  const left = new AbortController();
  const chunks = pack(registry, parts, AbortSignal.any([signal, left.signal]));
  return new Readable({
    read() {
      chunks.next().then(
        ({ value }) => this.push(value ?? null),
        (error: Error) => this.destroy(error),
      );
    },
    destroy(error, callback) {
      left.abort();
      chunks.return(undefined).then(
        () => callback(error),
        (other: Error) => callback(error ?? other),
      );
    },
  });
}

async function* pack(
  registry: ModelRegistry,
  parts: ContextParts,
  signal: AbortSignal,
): AsyncGenerator<Buffer, undefined> {
  const tar = createPack();
  const gzip = createGzip(GZIP);
  tar.on("error", (error) => gzip.destroy(error));
  tar.pipe(gzip);
  writeEntries(tar, registry, parts, signal).catch((error: unknown) =>
    tar.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  // At once, whatever is being waited for.
  const stop = () => tar.destroy(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    for await (const chunk of gzip) yield chunk;
  } finally {
    signal.removeEventListener("abort", stop);
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
  for (const artifact of artifacts) {
    // Opened before the entry exists: an entry nobody writes to would fail without anybody to hear it.
    const opened = await registry.openArtifact(version, artifact.path, signal);
    if (signal.aborted) opened.destroy();
    signal.throwIfAborted();
    const entry = tar.entry({ name: `${MODEL_FOLDER}${artifact.path}`, size: artifact.bytes });
    const measured = (source: AsyncIterable<Buffer>) => exactly(artifact, version, source);
    await pipeline(opened, measured, entry as unknown as NodeJS.WritableStream, { signal });
  }
  tar.finalize();
}

async function fetchingFiles(registry: ModelRegistry, { template, version, artifacts }: ContextParts) {
  const dockerfile = template.files.find(({ path }) => path === "Dockerfile");
  const text = dockerfile === undefined ? "" : Buffer.from(dockerfile.content).toString("utf8");
  if (text.search(COPY_MODEL) === -1)
    throw new PermanentError(
      "build-too-large",
      `The model has more than ${CARRIED_BYTES} bytes, and the template's Dockerfile has no line "COPY model/ …" that could fetch it.`,
    );
  const addresses = await Promise.all(
    artifacts.map(async ({ path }) => ({ path, address: await registry.artifactAddress(version, path) })),
  );
  const fetching = text.replace(COPY_MODEL, (_line, folder: string) =>
    // As a list, because names may hold blanks.
    addresses
      .map(({ path, address }) => `ADD ${JSON.stringify([address, `${folder.replace(/\/?$/, "/")}${path}`])}`)
      .join("\n"),
  );
  const content = Buffer.from(fetching, "utf8");
  return template.files.map((file) => (file === dockerfile ? { path: file.path, content } : file));
}
