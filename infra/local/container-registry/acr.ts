import { z } from "zod";
import { notImplemented, RegistryError } from "./errors.ts";
import { answerJson, type Exchange, readBody } from "./exchange.ts";
import { REPOSITORY_PATTERN } from "./image-format.ts";
import {
  type Attributes,
  nextLink,
  pageOf,
  type Repository,
  type Store,
  type StoredManifest,
  type StoredTag,
  unlocked,
} from "./store.ts";
import type { Tokens } from "./tokens.ts";

const BODY_LIMIT_BYTES = 64 * 1024;
const PAGE = 100;

const attributesSchema = z.strictObject({
  deleteEnabled: z.boolean().optional(),
  writeEnabled: z.boolean().optional(),
  readEnabled: z.boolean().optional(),
  listEnabled: z.boolean().optional(),
});

function toManifest(manifest: StoredManifest, repository: Repository) {
  const tags = [...repository.tags.values()].filter(({ digest }) => digest === manifest.digest);
  return {
    digest: manifest.digest,
    imageSize: manifest.imageBytes,
    createdTime: manifest.createdAt.toISOString(),
    lastUpdateTime: manifest.updatedAt.toISOString(),
    ...manifest.platform,
    mediaType: manifest.mediaType,
    configMediaType: manifest.configMediaType,
    tags: tags.length > 0 ? tags.map(({ name }) => name).sort() : undefined,
    changeableAttributes: manifest.attributes,
    references: manifest.references.length > 0 ? manifest.references.map(toReference) : undefined,
  };
}

function toReference({ digest, platform }: StoredManifest["references"][number]) {
  return { digest, architecture: platform?.architecture, os: platform?.os };
}

function toTag(tag: StoredTag) {
  return {
    name: tag.name,
    digest: tag.digest,
    createdTime: tag.createdAt.toISOString(),
    lastUpdateTime: tag.updatedAt.toISOString(),
    signed: false,
    changeableAttributes: tag.attributes,
  };
}

async function change(exchange: Exchange, thing: { attributes: Attributes }): Promise<void> {
  const text = (await readBody(exchange, BODY_LIMIT_BYTES)).toString("utf8");
  const parsed = z.preprocess(fromJson, attributesSchema).safeParse(text);
  if (!parsed.success) throw new RegistryError(400, "INVALID_PARAMETER", z.prettifyError(parsed.error));
  const { readEnabled = true, listEnabled = true, ...locks } = parsed.data;
  if (!(readEnabled && listEnabled)) throw notImplemented("forbidding to read or to list");
  Object.assign(thing.attributes, locks);
}

function fromJson(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return undefined;
  }
}

/** The data plane of ACR under `/acr/v1/`: attributes and locks of manifests and tags. Its shapes are those of the recordings in Azure/azure-sdk-for-js. */
export function createAcr(store: Store, tokens: Tokens, loginServer: () => string) {
  const head = (name: string) => ({ registry: loginServer(), imageName: name });

  function found<Thing>(thing: Thing | undefined, code: string, message: string): Thing {
    if (thing === undefined) throw new RegistryError(404, code, message);
    return thing;
  }

  function answerRepository(exchange: Exchange, name: string): void {
    const { createdAt, updatedAt, manifests, tags } = store.repository(name);
    answerJson(exchange, 200, {
      ...head(name),
      createdTime: createdAt.toISOString(),
      lastUpdateTime: updatedAt.toISOString(),
      manifestCount: manifests.size,
      tagCount: tags.size,
      changeableAttributes: unlocked(),
    });
  }

  function answerList(exchange: Exchange, name: string, kind: "_manifests" | "_tags"): void {
    if (exchange.query.has("orderby") || exchange.query.has("digest")) {
      throw notImplemented("ordering and filtering of a list");
    }
    const repository = store.repository(name);
    const { manifests, tags } = repository;
    const page = pageOf(kind === "_tags" ? tags.keys() : manifests.keys(), exchange.query, PAGE);
    const listed =
      kind === "_tags"
        ? {
            tags: [...tags.values()]
              .filter((tag) => page.page.includes(tag.name))
              .sort(byName)
              .map(toTag),
          }
        : {
            manifests: page.page.flatMap((digest) => {
              const manifest = manifests.get(digest);
              return manifest ? [toManifest(manifest, repository)] : [];
            }),
          };
    const path = `/acr/v1/${encodeURIComponent(name)}/${kind}`;
    answerJson(exchange, 200, { ...head(name), ...listed }, nextLink(path, exchange.query, page));
  }

  async function answerOne(exchange: Exchange, name: string, kind: string, reference: string): Promise<void> {
    const repository = store.repository(name);
    const thing =
      kind === "_tags"
        ? found(repository.tags.get(reference), "TAG_UNKNOWN", "the specified tag does not exist")
        : found(repository.manifests.get(reference), "MANIFEST_UNKNOWN", "manifest unknown");
    if (exchange.method === "PATCH") await change(exchange, thing);
    const described = "body" in thing ? { manifest: toManifest(thing, repository) } : { tag: toTag(thing) };
    answerJson(exchange, 200, { ...head(name), ...described });
  }

  function parsePath(exchange: Exchange, rest: string): { name: string; kind?: string; reference?: string } {
    const groups = /^(?<name>[^_].*?)(?:\/(?<kind>_manifests|_tags)(?:\/(?<reference>[^/]+))?)?$/.exec(rest)?.groups;
    const { name = "", kind, reference } = groups ?? {};
    const known = exchange.method === "GET" || (exchange.method === "PATCH" && reference !== undefined);
    if (!known || !REPOSITORY_PATTERN.test(name)) throw notImplemented(`${exchange.method} /acr/v1/${rest}`);
    return { name, ...(kind && { kind }), ...(reference && { reference }) };
  }

  /** Answers `/acr/v1/<name>[/_manifests|/_tags[/<reference>]]`; `rest` is what follows `/acr/v1/`, decoded. */
  return async (exchange: Exchange, rest: string): Promise<void> => {
    const { name, kind, reference } = parsePath(exchange, rest);
    tokens.authorize(exchange, name, exchange.method === "PATCH" ? "metadata_write" : "metadata_read");
    if (kind !== undefined && reference !== undefined) return answerOne(exchange, name, kind, reference);
    if (kind === "_manifests" || kind === "_tags") return answerList(exchange, name, kind);
    return answerRepository(exchange, name);
  };
}

function byName(one: StoredTag, other: StoredTag): number {
  return one.name < other.name ? -1 : 1;
}
