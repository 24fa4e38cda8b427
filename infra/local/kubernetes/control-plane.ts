import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { stringify } from "yaml";
import { countedAs, createApi, verbOf } from "./api.ts";
import { startControllers } from "./controllers/index.ts";
import { discover, openApiOf } from "./discovery.ts";
import { type JsonObject, objectAt } from "./json.ts";
import { createOperations } from "./operations.ts";
import { sendFailure } from "./proxy.ts";
import { parseTarget, readBody, requireObject } from "./request.ts";
import { allResources, resources } from "./resources.ts";
import { notImplemented, StatusError } from "./status-error.ts";
import { createStore } from "./store.ts";

/** How to start a control plane. */
export interface ControlPlaneOptions {
  /** PEM; without it the server speaks plain HTTP. */
  tls?: { key: string; cert: string };
  /** Bearer tokens that are let in; without them everybody is. */
  tokens?: readonly string[];
  /** Whether the cluster has the Prometheus operator's definitions: ServiceMonitor and PrometheusRule. Default: no. */
  customResources?: boolean;
  /** Told what a controller or request failed with, and why. */
  log?: (event: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** A Kubernetes API server with its controllers, in this process and in memory. */
export interface ControlPlane {
  /** Listens on 127.0.0.1; port 0, the default, takes a free one. */
  listen(port?: number): Promise<void>;
  /** `http://127.0.0.1:PORT`; throws before `listen`. */
  readonly url: string;
  /** A kubeconfig for this server as YAML; `caPem` is the authority of its certificate, `token` the first one by default. */
  kubeconfig(options?: { caPem?: string; token?: string }): string;
  /** How often each verb was asked of each resource, as in `patch deployments.apps/status`: by everybody, or under one token. */
  requests(token?: string): Record<string, number>;
  close(): Promise<void>;
}

/** Creates a control plane with the namespaces `default` and `kube-system`; nothing runs before `listen`. */
export function createControlPlane(options: ControlPlaneOptions = {}): ControlPlane {
  const log = options.log ?? (() => undefined);
  const operations = createOperations(createStore());
  const api = createApi(operations);
  const counters = createCounters();
  const handle = (incoming: IncomingMessage, response: ServerResponse): void => {
    route(incoming, response).catch((error: unknown) => {
      if (!(error instanceof StatusError)) log("kubernetes.request.failed", { url: incoming.url, error });
      sendFailure(response, error);
    });
  };
  const server: Server =
    options.tls === undefined ? createHttpServer(handle) : createHttpsServer({ ...options.tls }, handle);
  let stopControllers = (): void => undefined;

  async function route(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    authenticate(incoming, options.tokens);
    const { pathname, searchParams, search } = new URL(incoming.url ?? "/", "http://local");
    // The path of a proxied request keeps its last slash.
    const path = pathname.includes("/proxy") ? pathname : pathname.replace(/(?<=.)\/$/, "");
    if (await answerFixed(path, incoming, response, options.customResources === true)) return;
    const target = parseTarget(path);
    if (target === undefined) throw notImplemented(pathname);
    const verb = verbOf(incoming.method ?? "GET", target, searchParams);
    counters.count(tokenOf(incoming), countedAs({ verb, target }));
    await api({ target, verb, query: searchParams, search, incoming, response });
  }

  const url = (): string => {
    const address = server.address();
    if (!isBound(address)) throw new Error("the control plane does not listen yet");
    return `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${address.port}`;
  };

  return {
    async listen(port = 0) {
      const failed = (controller: string, error: unknown, key: string): void =>
        log("kubernetes.controller.failed", { controller, key, error });
      stopControllers = startControllers({ operations, failed });
      for (const name of ["default", "kube-system"])
        operations.create(resources.namespaces, undefined, { metadata: { name } }, { manager: "kube-apiserver" });
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject).listen(port, "127.0.0.1", () => resolve());
      });
    },
    get url() {
      return url();
    },
    kubeconfig: ({ caPem, token = options.tokens?.[0] ?? "local" } = {}) => kubeconfigOf(url(), token, caPem),
    requests: counters.read,
    async close() {
      stopControllers();
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

const HEALTH = ["/healthz", "/readyz", "/livez"];
const REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

const isBound = (address: AddressInfo | string | null): address is AddressInfo =>
  address !== null && typeof address === "object";

/** Answers what lies outside of the stored kinds; false when the path is none of that. */
async function answerFixed(
  path: string,
  incoming: IncomingMessage,
  response: ServerResponse,
  custom: boolean,
): Promise<boolean> {
  const document = discover(path, custom) ?? openApiOf(path);
  if (document !== undefined) sendJson(response, 200, document);
  else if (HEALTH.includes(path)) response.writeHead(200, { "content-type": "text/plain" }).end("ok");
  else if (path === REVIEW) await review(incoming, response);
  else if (isForeignGroup(path, custom))
    response.writeHead(404, { "content-type": "text/plain" }).end("404 page not found\n");
  else return false;
  return true;
}

/** Counts requests by who asked and what for. */
function createCounters() {
  const counted: { token: string | undefined; key: string; times: number }[] = [];
  return {
    count(token: string | undefined, key: string): void {
      const known = counted.find((one) => one.token === token && one.key === key);
      if (known === undefined) counted.push({ token, key, times: 1 });
      else known.times += 1;
    },
    read(token?: string): Record<string, number> {
      const sums: Record<string, number> = {};
      for (const one of counted)
        if (token === undefined || one.token === token) sums[one.key] = (sums[one.key] ?? 0) + one.times;
      return sums;
    },
  };
}

function tokenOf({ headers }: IncomingMessage): string | undefined {
  return /^Bearer (.+)$/i.exec(headers.authorization ?? "")?.[1];
}

function authenticate(incoming: IncomingMessage, tokens: readonly string[] | undefined): void {
  if (tokens === undefined) return;
  const token = tokenOf(incoming);
  if (token === undefined || !tokens.includes(token)) throw new StatusError(401, "Unauthorized", "Unauthorized");
}

/** A group that Kubernetes does not ship and that no CRD brought: a cluster without it answers 404. */
function isForeignGroup(path: string, custom: boolean): boolean {
  const group = /^\/apis\/([^/]+)/.exec(path)?.[1];
  if (group === undefined || isServed(group, custom)) return false;
  return group.includes(".") && !group.endsWith(".k8s.io");
}

function isServed(group: string, custom: boolean): boolean {
  return allResources.some((resource) => resource.group === group && (custom || !resource.custom));
}

/** Everybody may do everything here, and that is what a review says. */
async function review(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = requireObject(await readBody(incoming));
  const status = { allowed: true, reason: "the local control plane does not enforce RBAC" };
  sendJson(response, 201, {
    ...body,
    kind: "SelfSubjectAccessReview",
    apiVersion: "authorization.k8s.io/v1",
    metadata: objectAt(body, "metadata"),
    status,
  });
}

function sendJson(response: ServerResponse, code: number, body: JsonObject): void {
  response.writeHead(code, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

function kubeconfigOf(server: string, token: string, caPem: string | undefined): string {
  const trust =
    caPem === undefined
      ? { "insecure-skip-tls-verify": true }
      : { "certificate-authority-data": Buffer.from(caPem).toString("base64") };
  const name = "local";
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server, ...trust } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: "default" } }],
    "current-context": name,
  });
}
