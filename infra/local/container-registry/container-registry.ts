import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAcr } from "./acr.ts";
import { answerBlob } from "./blobs.ts";
import { notImplemented, RegistryError } from "./errors.ts";
import { answer, answerJson, type Exchange } from "./exchange.ts";
import { BLOB_LIMIT_BYTES, MANIFEST_LIMIT_BYTES, REPOSITORY_PATTERN } from "./image-format.ts";
import { createManifests } from "./manifests.ts";
import { createStore, type Repository, type Store } from "./store.ts";
import { createTokens } from "./tokens.ts";
import { createUploads } from "./uploads.ts";

export type ContainerRegistryOptions = {
  /** PEM; without it the registry speaks plain http. */
  tls?: { key: string; cert: string };
  /** Whether this Entra token may be exchanged for a token of `/acr/v1`; by default every one may. */
  acceptAadToken?: (token: string) => boolean;
  /** One line a request. */
  log?: (line: string) => void;
  now?: () => Date;
  limits?: { blobBytes?: number; manifestBytes?: number };
};

export type RepositoryView = {
  readonly name: string;
  /** Digest by tag. */
  readonly tags: Readonly<Record<string, string>>;
  readonly manifests: readonly {
    digest: string;
    mediaType: string;
    deleteEnabled: boolean;
    writeEnabled: boolean;
  }[];
};

export type ContainerRegistry = {
  listen(port?: number): Promise<void>;
  /** `127.0.0.1:<port>`, as it stands in image references; throws before `listen`. */
  readonly loginServer: string;
  readonly url: string;
  /** Ends every connection and removes what was stored. */
  close(): Promise<void>;
  /** How often what was asked, as `"GET blobs": 3`. */
  requests(): Readonly<Record<string, number>>;
  repositories(): readonly RepositoryView[];
};

type Route = (exchange: Exchange) => Promise<void> | void;

/** An OCI registry with the data plane of ACR; the README says what it answers 501 to. */
export function createContainerRegistry(options: ContainerRegistryOptions = {}): ContainerRegistry {
  const { tls, acceptAadToken = () => true, log = () => {}, now = () => new Date(), limits = {} } = options;
  const counts = new Map<string, number>();
  let started: { server: Server; store: Store; directory: string; loginServer: string } | undefined;

  function running() {
    if (!started) throw new Error("the container registry is not listening");
    return started;
  }
  const loginServer = () => running().loginServer;
  const url = () => `${tls ? "https" : "http"}://${loginServer()}`;

  async function listen(port = 0): Promise<void> {
    if (started) throw new Error("the container registry listens already");
    const directory = await mkdtemp(join(tmpdir(), "container-registry-"));
    const store = createStore(directory, now);
    const tokens = createTokens({ acceptAadToken, now, service: loginServer, url });
    const find = createRouter({
      manifests: createManifests(store, limits.manifestBytes ?? MANIFEST_LIMIT_BYTES),
      uploads: createUploads(store, limits.blobBytes ?? BLOB_LIMIT_BYTES),
      acr: createAcr(store, tokens, loginServer),
      tokens,
      store,
    });
    const handle = (request: IncomingMessage, response: ServerResponse) => void serve(find, request, response);
    const server = tls ? createHttpsServer(tls, handle) : createHttpServer(handle);
    // A model of a gigabyte may take longer than Node's five minutes for a whole request.
    server.requestTimeout = 0;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    }).catch(async (error: unknown) => {
      await rm(directory, { recursive: true });
      throw error;
    });
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the container registry has no port");
    started = { server, store, directory, loginServer: `127.0.0.1:${address.port}` };
  }

  async function serve(
    find: (exchange: Exchange) => readonly [string, Route],
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const method = request.method ?? "GET";
    response.setHeader("docker-distribution-api-version", "registry/2.0");
    const base = "http://registry";
    const { pathname, searchParams: query } = URL.parse(request.url ?? "/", base) ?? new URL(base);
    const exchange = { request, response, method, path: pathname, query };
    try {
      const decoded = { ...exchange, path: decode(pathname) };
      const [kind, route] = find(decoded);
      counts.set(`${method} ${kind}`, (counts.get(`${method} ${kind}`) ?? 0) + 1);
      await route(decoded);
    } catch (error) {
      refuse(exchange, error);
    }
    log(`${method} ${pathname} ${response.statusCode}`);
  }

  function refuse(exchange: Exchange, error: unknown): void {
    const { response } = exchange;
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    if (!(error instanceof RegistryError)) log(`unexpected: ${error instanceof Error ? error.stack : error}`);
    const known = error instanceof RegistryError ? error : new RegistryError(500, "UNKNOWN", "unexpected error");
    answer(
      exchange,
      known.status,
      { "content-type": "application/json; charset=utf-8", ...known.headers },
      known.toBody(),
    );
  }

  async function close(): Promise<void> {
    if (!started) return;
    const { server, directory } = started;
    started = undefined;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
    // An upload that was cut off may still be closing its file.
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }

  return {
    listen,
    close,
    get loginServer() {
      return loginServer();
    },
    get url() {
      return url();
    },
    requests: () => Object.fromEntries(counts),
    repositories: () => [...running().store.repositories.values()].map(toView),
  };
}

function toView({ name, tags, manifests }: Repository): RepositoryView {
  return {
    name,
    tags: Object.fromEntries([...tags].map(([tag, { digest }]) => [tag, digest])),
    manifests: [...manifests.values()].map(({ digest, mediaType, attributes }) => ({
      digest,
      mediaType,
      deleteEnabled: attributes.deleteEnabled,
      writeEnabled: attributes.writeEnabled,
    })),
  };
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new RegistryError(400, "NAME_INVALID", "the path is not valid");
  }
}

type Handlers = {
  store: Store;
  manifests: ReturnType<typeof createManifests>;
  uploads: ReturnType<typeof createUploads>;
  acr: ReturnType<typeof createAcr>;
  tokens: ReturnType<typeof createTokens>;
};

/** Finds what answers a path, and under which name it is counted. */
function createRouter({ store, manifests, uploads, acr, tokens }: Handlers) {
  const fixed: Readonly<Record<string, readonly [string, Route]>> = {
    "/v2": ["base", (exchange) => answerJson(exchange, 200, {})],
    "/v2/": ["base", (exchange) => answerJson(exchange, 200, {})],
    "/v2/_catalog": ["catalog", (exchange) => readOnly(exchange, manifests.answerCatalog)],
    "/oauth2/exchange": ["oauth2", tokens.answerExchange],
    "/oauth2/token": ["oauth2", tokens.answerToken],
  };

  function readOnly(exchange: Exchange, route: Route): Promise<void> | void {
    if (exchange.method === "GET" || exchange.method === "HEAD") return route(exchange);
    throw new RegistryError(405, "UNSUPPORTED", "the operation is unsupported");
  }

  function inRepository(name: string, kind: string, rest: string): Route | undefined {
    switch (kind) {
      case "blobs/uploads":
        return (exchange) => uploads(exchange, name, rest);
      case "blobs":
        return (exchange) => answerBlob(store, exchange, name, rest);
      case "manifests":
        return (exchange) => manifests.answerManifest(exchange, name, rest);
      case "referrers":
        return (exchange) => readOnly(exchange, () => manifests.answerReferrers(exchange, name, rest));
      case "tags":
        return rest === "list"
          ? (exchange) => readOnly(exchange, () => manifests.answerTags(exchange, name))
          : undefined;
      default:
        return undefined;
    }
  }

  return (exchange: Exchange): readonly [string, Route] => {
    const known = fixed[exchange.path];
    if (known) return known;
    const acrPath = /^\/acr\/v1\/(.+)$/.exec(exchange.path)?.[1];
    if (acrPath !== undefined) return ["acr", (asked) => acr(asked, acrPath)];
    const [, name = "", kind = "", rest = ""] =
      /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests|referrers|tags)\/?([^/]*)$/.exec(exchange.path) ?? [];
    const route = inRepository(name, kind, rest);
    if (!route) throw notImplemented(`${exchange.method} ${exchange.path}`);
    if (!REPOSITORY_PATTERN.test(name)) throw new RegistryError(400, "NAME_INVALID", "invalid repository name");
    return [kind, route];
  };
}
