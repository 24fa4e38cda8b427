import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from "node:http";
import type { Pod } from "./objects.ts";
import type { Operations } from "./operations.ts";
import { resources } from "./resources.ts";
import { badRequest, StatusError, toStatus, unavailable } from "./status-error.ts";

/** Where a proxied request goes. */
export interface Upstream {
  host: string;
  port: number;
  path: string;
}

/** Reads `NAME`, `NAME:PORT` or `http:NAME:PORT`; other schemes are refused. */
function parseProxyName(text: string): { name: string; port: string } {
  const parts = text.split(":");
  const [scheme, name = "", port = ""] = parts.length === 3 ? parts : ["", ...parts];
  if (scheme !== "" && scheme !== "http")
    throw new StatusError(501, "NotImplemented", `the local control plane does not proxy to ${scheme}`);
  if (parts.length > 3) throw badRequest(`invalid proxy request "${text}"`);
  return { name, port };
}

/** The pod behind `pods/NAME:PORT/proxy`; without a port its first container's first one. */
export function podUpstream({ read }: Operations, namespace: string, target: string): Omit<Upstream, "path"> {
  const { name, port } = parseProxyName(target);
  const pod = read(resources.pods, namespace, name);
  const host = pod.status?.podIP;
  if (host === undefined || host === "") throw badRequest("address not allowed");
  return { host, port: port === "" ? firstPort(pod) : Number(port) };
}

const firstPort = (pod: Pod): number => pod.spec.containers.flatMap(({ ports }) => ports ?? [])[0]?.containerPort ?? 80;

/** Picks, in turn, one of the ready addresses behind `services/NAME:PORT/proxy`. */
export function createServiceUpstream({ read, store }: Operations) {
  const turns = new Map<string, number>();
  return (namespace: string, target: string): Omit<Upstream, "path"> => {
    const { name, port } = parseProxyName(target);
    const service = read(resources.services, namespace, name);
    const portName = servicePortName(service.spec.ports ?? [], port, name);
    const subsets = store.get(resources.endpoints, namespace, name)?.subsets ?? [];
    const choices = subsets.flatMap((subset) => {
      const found = subset.ports?.find((one) => (one.name ?? "") === portName);
      return found === undefined ? [] : (subset.addresses ?? []).map(({ ip }) => ({ host: ip, port: found.port }));
    });
    const key = `${namespace}/${target}`;
    const turn = turns.get(key) ?? 0;
    turns.set(key, turn + 1);
    const choice = choices[turn % Math.max(1, choices.length)];
    if (choice === undefined) throw unavailable(`no endpoints available for service "${name}"`);
    return choice;
  };
}

function servicePortName(ports: readonly { port: number; name?: string }[], asked: string, service: string): string {
  if (!/^\d+$/.test(asked)) return asked;
  const found = ports.find(({ port }) => port === Number(asked));
  if (found === undefined) throw unavailable(`no service port ${asked} found for service "${service}"`);
  return found.name ?? "";
}

/** Longest wait for the first byte of an answer. */
const ANSWER_MILLISECONDS = 30_000;

/** Passes method, headers, body and answer through; the caller's Authorization stays here. 503 when nobody answers. */
export function forward(incoming: IncomingMessage, response: ServerResponse, upstream: Upstream): void {
  const outgoing = httpRequest(
    {
      ...upstream,
      path: asGoWrites(upstream.path),
      method: incoming.method ?? "GET",
      headers: forwarded(incoming),
      agent: false,
    },
    (answer) => {
      outgoing.setTimeout(0);
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on("error", () => response.destroy());
      answer.pipe(response);
    },
  );
  outgoing.setTimeout(ANSWER_MILLISECONDS, () => outgoing.destroy(new Error("time-out")));
  outgoing.on("error", (error) =>
    sendFailure(response, unavailable(`error trying to reach service: ${error.message}`)),
  );
  response.on("close", () => outgoing.destroy());
  incoming.pipe(outgoing);
}

const KEPT_BACK = new Set(["authorization", "connection", "upgrade", "keep-alive", "te", "trailer"]);

/** The Host stays the API server's, as on the real one. */
function forwarded({ headers }: IncomingMessage): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !KEPT_BACK.has(name)));
}

/** The real server decodes a path and writes it anew, in Go's way: an encoded slash becomes one that separates. */
function asGoWrites(target: string): string {
  const [path = "", ...query] = target.split("?");
  const written = decodeURIComponent(path)
    .split("/")
    .map((part) =>
      encodeURIComponent(part)
        .replace(/%(24|26|2B|2C|3A|3B|3D|40)/g, (code) => decodeURIComponent(code))
        .replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`),
    )
    .join("/");
  return [written, ...query].join("?");
}

/** Answers with a Status, or breaks the connection when an answer has begun. */
export function sendFailure(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const status = toStatus(error);
  response.writeHead(status.code, { "content-type": "application/json" });
  response.end(JSON.stringify(status));
}
