import { z } from "zod";
import { disallowed, RegistryError } from "./errors.ts";
import { answer, answerJson, type Exchange, readBody } from "./exchange.ts";
import {
  type Descriptor,
  DIGEST_PATTERN,
  digestOf,
  imageConfigSchema,
  imageIndexSchema,
  imageManifestSchema,
  MANIFEST_LIMIT_BYTES,
  MEDIA_TYPES,
  TAG_PATTERN,
} from "./image-format.ts";
import { nextLink, pageOf, type Repository, type Store, type StoredManifest, unlocked } from "./store.ts";

const schemas = new Map<string, "image" | "index">([
  [MEDIA_TYPES.manifest, "image"],
  [MEDIA_TYPES.dockerManifest, "image"],
  [MEDIA_TYPES.index, "index"],
  [MEDIA_TYPES.dockerList, "index"],
]);

type Parsed = Pick<StoredManifest, "artifactType" | "annotations" | "subject" | "references" | "configMediaType"> & {
  readonly blobs: readonly Descriptor[];
};

function invalid(message: string): RegistryError {
  return new RegistryError(400, "MANIFEST_INVALID", message);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    throw invalid("the manifest is not JSON");
  }
}

function parseWith<Shape extends { mediaType?: string | undefined }>(
  schema: z.ZodType<Shape>,
  contentType: string,
  body: Buffer,
): Shape {
  const parsed = schema.safeParse(parseJson(body));
  if (!parsed.success) throw invalid(z.prettifyError(parsed.error));
  const { mediaType = contentType } = parsed.data;
  if (mediaType !== contentType) throw invalid(`the manifest says ${mediaType}, the Content-Type ${contentType}`);
  return parsed.data;
}

function parseManifest(contentType: string, body: Buffer): Parsed {
  switch (schemas.get(contentType)) {
    case "image": {
      const manifest = parseWith(imageManifestSchema, contentType, body);
      const { config, layers, artifactType, annotations, subject } = manifest;
      return {
        artifactType: artifactType ?? config.mediaType,
        annotations,
        subject: subject?.digest,
        references: [],
        configMediaType: config.mediaType,
        blobs: [config, ...layers],
      };
    }
    case "index": {
      const index = parseWith(imageIndexSchema, contentType, body);
      const { manifests, artifactType, annotations, subject } = index;
      return {
        artifactType,
        annotations,
        subject: subject?.digest,
        references: manifests,
        configMediaType: undefined,
        blobs: [],
      };
    }
    default:
      throw invalid(`the media type ${contentType} is not one of ${[...schemas.keys()].join(", ")}`);
  }
}

/** Whether a client that sent this Accept header can read a manifest of this type; no header accepts all. */
function accepts(header: string | undefined, mediaType: string): boolean {
  if (header === undefined) return true;
  const types = header.split(",").map((part) => part.split(";")[0]?.trim());
  return types.some((type) => type === "*/*" || type === "application/*" || type === mediaType);
}

/** Manifests, tags, referrers and the catalog. */
export function createManifests(store: Store, limitBytes = MANIFEST_LIMIT_BYTES) {
  function resolve(repository: Repository, reference: string): StoredManifest {
    const digest = DIGEST_PATTERN.test(reference) ? reference : repository.tags.get(reference)?.digest;
    const manifest = repository.manifests.get(digest ?? "");
    if (!manifest) {
      throw new RegistryError(404, "MANIFEST_UNKNOWN", "manifest unknown", { detail: { reference } });
    }
    return manifest;
  }

  function refuseMissing(repository: Repository, parsed: Parsed): void {
    const missing =
      parsed.blobs.find(({ digest, size }) => store.blob(repository.name, digest)?.bytes !== size) ??
      parsed.references.find(({ digest }) => !repository.manifests.has(digest));
    if (missing) {
      throw new RegistryError(
        400,
        "MANIFEST_BLOB_UNKNOWN",
        "manifest references a manifest or blob unknown to registry",
        {
          detail: { digest: missing.digest },
        },
      );
    }
  }

  async function platformOf(blobs: readonly Descriptor[], readBlob: (digest: string) => Promise<Buffer>) {
    const config = blobs[0];
    if (!config || config.size > limitBytes) return undefined;
    const text = (await readBlob(config.digest)).toString("utf8");
    const parsed = z.preprocess(fromJson, imageConfigSchema).safeParse(text);
    return parsed.success ? { architecture: parsed.data.architecture, os: parsed.data.os } : undefined;
  }

  async function put(exchange: Exchange, name: string, reference: string): Promise<void> {
    const body = await readBody(exchange, limitBytes);
    const digest = digestOf(body);
    if (DIGEST_PATTERN.test(reference) && reference !== digest) {
      throw new RegistryError(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
    }
    const mediaType = exchange.request.headers["content-type"]?.split(";")[0]?.trim() ?? "";
    const parsed = parseManifest(mediaType, body);
    const repository = store.ensure(name);
    refuseMissing(repository, parsed);
    if (repository.tags.get(reference)?.attributes.writeEnabled === false) throw disallowed();

    const platform = await platformOf(parsed.blobs, store.readBlob);
    const at = store.now();
    keep(repository, { ...parsed, digest, mediaType, body, platform }, at);
    if (reference !== digest) tag(repository, reference, digest, at);
    answer(exchange, 201, {
      location: `/v2/${name}/manifests/${digest}`,
      "docker-content-digest": digest,
      ...(parsed.subject ? { "oci-subject": parsed.subject } : {}),
    });
  }

  /** Pushing the same bytes again changes nothing: neither times nor locks. */
  function keep(
    repository: Repository,
    manifest: Parsed & Pick<StoredManifest, "digest" | "mediaType" | "body" | "platform">,
    at: Date,
  ): void {
    repository.updatedAt = at;
    if (repository.manifests.has(manifest.digest)) return;
    const { blobs, ...described } = manifest;
    const imageBytes = blobs.reduce((sum, { size }) => sum + size, 0);
    const times = { createdAt: at, updatedAt: at };
    repository.manifests.set(manifest.digest, { ...described, ...times, imageBytes, attributes: unlocked() });
  }

  function tag(repository: Repository, name: string, digest: string, at: Date): void {
    const known = repository.tags.get(name);
    if (known) Object.assign(known, { digest, updatedAt: at });
    else repository.tags.set(name, { name, digest, createdAt: at, updatedAt: at, attributes: unlocked() });
  }

  function get(exchange: Exchange, name: string, reference: string): void {
    const manifest = resolve(store.repository(name), reference);
    if (!accepts(exchange.request.headers.accept, manifest.mediaType)) {
      throw new RegistryError(
        404,
        "MANIFEST_UNKNOWN",
        `the manifest is a ${manifest.mediaType}, which Accept does not name`,
      );
    }
    const headers = {
      "content-type": manifest.mediaType,
      "docker-content-digest": manifest.digest,
      etag: `"${manifest.digest}"`,
    };
    answer(exchange, 200, headers, manifest.body);
  }

  /** A tag goes alone; a manifest takes its tags with it. ACR refuses both where deleting or writing is locked. */
  function remove(exchange: Exchange, name: string, reference: string): void {
    const repository = store.repository(name);
    const manifest = resolve(repository, reference);
    const byDigest = reference === manifest.digest;
    const tags = [...repository.tags.values()].filter((tag) =>
      byDigest ? tag.digest === reference : tag.name === reference,
    );
    const locks = [...tags, ...(byDigest ? [manifest] : [])].map(({ attributes }) => attributes);
    if (locks.some(({ deleteEnabled, writeEnabled }) => !(deleteEnabled && writeEnabled))) throw disallowed();
    for (const { name: tagName } of tags) repository.tags.delete(tagName);
    if (byDigest) repository.manifests.delete(reference);
    repository.updatedAt = store.now();
    answer(exchange, 202);
  }

  return {
    /** Answers `/v2/<repository>/manifests/<reference>`. */
    async answerManifest(exchange: Exchange, name: string, reference: string): Promise<void> {
      if (!DIGEST_PATTERN.test(reference) && !TAG_PATTERN.test(reference)) {
        throw new RegistryError(400, reference.includes(":") ? "DIGEST_INVALID" : "TAG_INVALID", "invalid reference");
      }
      switch (exchange.method) {
        case "GET":
        case "HEAD":
          return get(exchange, name, reference);
        case "PUT":
          return put(exchange, name, reference);
        case "DELETE":
          return remove(exchange, name, reference);
        default:
          throw new RegistryError(405, "UNSUPPORTED", "the operation is unsupported");
      }
    },

    /** Answers `/v2/<repository>/tags/list`. */
    answerTags(exchange: Exchange, name: string): void {
      const { tags } = store.repository(name);
      const page = pageOf(tags.keys(), exchange.query, tags.size);
      answerJson(exchange, 200, { name, tags: page.page }, nextLink(exchange.path, exchange.query, page));
    },

    /** Answers `/v2/_catalog`. */
    answerCatalog(exchange: Exchange): void {
      const filled = [...store.repositories.values()].filter(({ manifests }) => manifests.size > 0);
      const page = pageOf(
        filled.map(({ name }) => name),
        exchange.query,
        filled.length,
      );
      answerJson(exchange, 200, { repositories: page.page }, nextLink(exchange.path, exchange.query, page));
    },

    /** Answers `/v2/<repository>/referrers/<digest>`: an empty index where nothing refers to it. */
    answerReferrers(exchange: Exchange, name: string, digest: string): void {
      if (!DIGEST_PATTERN.test(digest)) throw new RegistryError(400, "DIGEST_INVALID", "invalid digest");
      const wanted = exchange.query.get("artifactType");
      const manifests = [...(store.repositories.get(name)?.manifests.values() ?? [])]
        .filter(({ subject, artifactType }) => subject === digest && (wanted === null || artifactType === wanted))
        .map(({ mediaType, digest, body, artifactType, annotations }) => ({
          mediaType,
          digest,
          size: body.length,
          artifactType,
          annotations,
        }));
      answerJson(
        exchange,
        200,
        { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests },
        { "content-type": MEDIA_TYPES.index, ...(wanted === null ? {} : { "oci-filters-applied": "artifactType" }) },
      );
    },
  };
}

function fromJson(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    // An artifact's configuration may be anything; it then has no platform.
    return undefined;
  }
}
