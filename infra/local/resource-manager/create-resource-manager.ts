import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Answer, ArmError, readJson } from "./answer.ts";
import { type ArmCall, type ArmDependencies, findOperation } from "./arm-routes.ts";
import { BLOB_PREFIX, createBlobRoutes } from "./blob-routes.ts";
import { createBlobStore } from "./blob-store.ts";
import type { Build } from "./build.ts";
import { type Clock, systemClock } from "./clock.ts";
import { createRuns, type Run } from "./runs.ts";
import { createSigner } from "./signature.ts";
import { createTaskRuns } from "./task-runs.ts";

const DEFAULT_MAX_UPLOAD_BYTES = 12 * 1024 ** 3;

export interface ResourceManagerOptions {
  /** Speaks http without it: the Azure SDKs then refuse to send their token. */
  tls?: { key: string; cert: string };
  /** Whether a bearer token is good; any is without it. */
  acceptToken?: (token: string) => boolean;
  build: Build;
  /** `host:port` of the registry that the builds push to. */
  loginServer: string;
  /** The registry's Azure region. */
  location?: string;
  /** The kubeconfig that a cluster's users get; without it that call is answered 501. */
  kubeconfig?: () => string;
  /** Limit of one uploaded source, 12 GiB by default. */
  maxUploadBytes?: number;
  clock?: Clock;
  log?: (line: string) => void;
}

/** Resource Manager as far as Belay needs it: ACR Tasks, a registry's facts, a cluster's credentials. */
export interface ResourceManager {
  /** Listens on 127.0.0.1, by default on a free port, and returns the endpoint. */
  listen(port?: number): Promise<string>;
  /** `https://127.0.0.1:port`; throws before `listen`. */
  readonly endpoint: string;
  /** Calls since the start by operation: `taskRuns.create`, `runs.get`, `blobs.PUT`, … and, besides, `refused`. */
  requests(): Record<string, number>;
  /** All runs of all registries, newest first. */
  runs(): Run[];
  /** Lets every later run wait so long in the queue. */
  delayBuilds(milliseconds: number): void;
  /** Aborts the builds, waits until they have settled, and removes every file. */
  close(): Promise<void>;
}

export function createResourceManager(options: ResourceManagerOptions): ResourceManager {
  const { build, loginServer, kubeconfig, clock = systemClock, log = () => {}, location = "westeurope" } = options;
  const acceptToken = options.acceptToken ?? (() => true);
  const directory = mkdtempSync(join(tmpdir(), "resource-manager-"));
  const blobs = createBlobStore({
    directory,
    maxBytes: options.maxUploadBytes ?? DEFAULT_MAX_UPLOAD_BYTES,
    now: clock.now,
  });
  const signer = createSigner(clock.now);
  const runs = createRuns({ build, blobs, clock });
  const taskRuns = createTaskRuns({ runs, location });
  const arm: ArmDependencies = { runs, taskRuns, signer, now: clock.now, location, loginServer, kubeconfig };
  const answerBlob = createBlobRoutes({ blobs, signer });
  const counters = new Map<string, number>();
  const inFlight = new Set<Promise<void>>();
  const server = options.tls === undefined ? createHttpServer(accept) : createHttpsServer(options.tls, accept);
  let endpoint: string | undefined;

  function accept(request: IncomingMessage, response: ServerResponse): void {
    const handling = handle(request, response)
      .catch((error: unknown) => fail(response, error))
      .finally(() => {
        log(`resource-manager ${request.method} ${request.url?.split("?")[0]} ${response.statusCode}`);
        inFlight.delete(handling);
      });
    inFlight.add(handling);
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", address());
    if (url.pathname.startsWith(BLOB_PREFIX)) {
      count(`blobs.${request.method}`);
      await answerBlob(request, response, url);
    } else {
      send(response, await answerArm(request, url));
    }
  }

  async function answerArm(request: IncomingMessage, url: URL): Promise<Answer> {
    try {
      authenticate(request.headers.authorization);
      if (!url.searchParams.has("api-version")) {
        throw new ArmError(400, "MissingApiVersionParameter", "The api-version query parameter is required.");
      }
      const { operation, answer } = findOperation(arm, callOf(request, url));
      count(operation);
      return await answer();
    } catch (error) {
      if (!(error instanceof ArmError)) throw error;
      count("refused");
      return errorAnswer(error);
    }
  }

  function authenticate(authorization: string | undefined): void {
    const token = /^Bearer (\S+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) throw new ArmError(401, "AuthenticationFailed", "The Authorization header is missing.");
    if (!acceptToken(token)) throw new ArmError(401, "InvalidAuthenticationToken", "The access token is invalid.");
  }

  function callOf(request: IncomingMessage, url: URL): ArmCall {
    const correlation = request.headers["x-ms-correlation-request-id"];
    return {
      method: request.method ?? "GET",
      url,
      endpoint: address(),
      correlationId: typeof correlation === "string" ? correlation : undefined,
      body: () => readJson(request),
    };
  }

  function count(operation: string): void {
    counters.set(operation, (counters.get(operation) ?? 0) + 1);
  }

  function address(): string {
    if (endpoint === undefined) throw new Error("Resource Manager does not listen yet.");
    return endpoint;
  }

  function fail(response: ServerResponse, error: unknown): void {
    log(`resource-manager: ${error instanceof Error ? error.message : String(error)}`);
    if (response.headersSent) response.destroy();
    else send(response, errorAnswer(new ArmError(500, "InternalServerError", "The stand-in failed; see its log.")));
  }

  return {
    async listen(port = 0) {
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
      const bound = server.address();
      if (bound === null || typeof bound === "string") throw new Error("Resource Manager has no port.");
      endpoint = `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${bound.port}`;
      return endpoint;
    },
    get endpoint() {
      return address();
    },
    requests: () => Object.fromEntries(counters),
    runs: () => runs.list(),
    delayBuilds: runs.delay,
    async close() {
      if (server.listening) {
        const closed = once(server, "close");
        server.close();
        server.closeAllConnections();
        await closed;
      }
      await Promise.all(inFlight);
      await runs.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function errorAnswer({ status, code, message }: ArmError): Answer {
  const headers: Record<string, string> = status === 401 ? { "www-authenticate": 'Bearer error="invalid_token"' } : {};
  return { status, body: { error: { code, message } }, headers };
}

function send(response: ServerResponse, { status, body, headers = {} }: Answer): void {
  const text = body === undefined ? "" : JSON.stringify(body);
  const type = body === undefined ? {} : { "content-type": "application/json; charset=utf-8" };
  response.writeHead(status, {
    ...type,
    ...headers,
    ...(status === 204 ? {} : { "content-length": Buffer.byteLength(text) }),
    "x-ms-request-id": randomUUID(),
  });
  response.end(text);
}
