import { createHmac } from "node:crypto";
import { HttpRequest } from "@azure/functions";
import type { WireRequest } from "./socket-client.ts";

/** A request of the fuzz, and what is right about its answer. */
export interface FuzzRequest {
  /** What was done to it. */
  kind: string;
  method: string;
  /** Path and query as they go over the wire. */
  target: string;
  /** Values are Latin-1, as in HTTP. */
  headers: readonly (readonly [name: string, value: string])[];
  body: Uint8Array;
  /** Statuses that are right. */
  right: readonly number[];
  /** What the bus must hold because of it; undefined: nothing. */
  promoted?: { id: string; version: string };
  /** How the body is framed; with `short` and `long` the head lies about its length. */
  framing?: "chunked" | "short" | "long";
  /** Goes over the wire as it is, in place of all else. */
  raw?: Buffer;
}

export const WEBHOOK = "/api/webhooks/mlflow";
const WITHOUT_BODY = new Set(["GET", "HEAD"]);

/** A signature as MLflow makes it. */
export function sign(secret: string, id: string, timestamp: string, body: Uint8Array): string {
  return `v1,${createHmac("sha256", secret).update(`${id}.${timestamp}.`).update(body).digest("base64")}`;
}

export function toWire(request: FuzzRequest, { host }: URL): WireRequest {
  const withoutBody = request.method === "HEAD";
  const closes = request.raw !== undefined || request.framing === "short" || request.framing === "long";
  if (request.raw !== undefined) return { bytes: request.raw, withoutBody, closes };
  const lines = [`${request.method} ${request.target} HTTP/1.1`, `host: ${host}`];
  for (const [name, value] of request.headers) lines.push(`${name}: ${value}`);
  lines.push(...framingOf(request));
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  const body = request.framing === "chunked" ? chunked(request.body) : request.body;
  return { bytes: Buffer.concat([head, body]), withoutBody, closes };
}

function framingOf({ method, body, framing }: FuzzRequest): string[] {
  switch (framing) {
    case "chunked":
      return ["transfer-encoding: chunked"];
    case "short":
      return [`content-length: ${Math.max(0, body.length - 7)}`];
    case "long":
      return [`content-length: ${body.length + 7}`];
    default:
      return body.length === 0 && method === "GET" ? [] : [`content-length: ${body.length}`];
  }
}

function chunked(body: Uint8Array): Buffer {
  const half = Math.floor(body.length / 2);
  const pieces = [body.subarray(0, half), body.subarray(half)].filter(({ length }) => length > 0);
  const chunks = pieces.flatMap((piece) => [
    Buffer.from(`${piece.length.toString(16)}\r\n`),
    piece,
    Buffer.from("\r\n"),
  ]);
  return Buffer.concat([...chunks, Buffer.from("0\r\n\r\n")]);
}

/** Where each function listens, and what its path says. */
const ROUTES = {
  webhook: { path: /^\/api\/webhooks\/mlflow$/, methods: undefined },
  deployments: { path: /^\/api\/deployments(?:\/(?<id>[^/]+))?$/, methods: ["GET"] },
  targets: { path: /^\/api\/targets\/(?<target>[^/]+)(?:\/(?<command>[^/]+))?$/, methods: ["GET", "POST"] },
  deadLetters: { path: /^\/api\/dead-letters$/, methods: ["GET"] },
  replay: { path: /^\/api\/dead-letters\/replay$/, methods: ["POST"] },
  discard: { path: /^\/api\/dead-letters\/discard$/, methods: ["POST"] },
} as const;
export type Route = keyof typeof ROUTES;

/** A request as a host gives it to the function of its route. */
export interface RoutedRequest {
  route: Route;
  request: HttpRequest;
}

/** Undefined where HTTP itself, or the host, would not let it through to one of the functions. */
export function toRouted(request: FuzzRequest): RoutedRequest | undefined {
  const url = URL.parse(`http://127.0.0.1${request.target}`);
  const lying = request.framing === "short" || request.framing === "long";
  if (request.raw !== undefined || lying || url === null) return undefined;
  for (const [route, { path, methods }] of Object.entries(ROUTES) as [Route, (typeof ROUTES)[Route]][]) {
    const found = path.exec(url.pathname);
    if (found === null || !isLetIn(request, methods)) continue;
    const params = decoded(found.groups ?? {});
    return params === undefined ? undefined : { route, request: toHttpRequest(request, url, params) };
  }
  return undefined;
}

/** Methods and keys are the host's to check. */
function isLetIn({ method, headers }: FuzzRequest, methods: readonly string[] | undefined): boolean {
  if (methods === undefined) return true;
  return methods.includes(method) && headers.some(([name]) => name === "x-functions-key");
}

function decoded(groups: Readonly<Record<string, string | undefined>>): Record<string, string> | undefined {
  try {
    const given = Object.entries(groups).filter((one): one is [string, string] => one[1] !== undefined);
    return Object.fromEntries(given.map(([name, text]) => [name, decodeURIComponent(text)]));
  } catch {
    return undefined;
  }
}

function toHttpRequest(request: FuzzRequest, url: URL, params: Record<string, string>): HttpRequest {
  const keys = [...new Set(url.searchParams.keys())];
  return new HttpRequest({
    method: request.method,
    url: url.href,
    headers: Object.fromEntries(joined(request.headers)),
    query: Object.fromEntries(keys.map((key) => [key, url.searchParams.getAll(key).join(",")])),
    params,
    ...(WITHOUT_BODY.has(request.method) || request.body.length === 0 ? {} : { body: { bytes: request.body } }),
  });
}

/** Names in lower case, values without the blanks around them, repeated ones joined, empty ones left out. */
function joined(headers: FuzzRequest["headers"]): readonly (readonly [string, string])[] {
  const all = new Map<string, string>();
  for (const [name, value] of headers) {
    const trimmed = value.replaceAll(/^[ \t]+|[ \t]+$/g, "");
    const before = all.get(name.toLowerCase());
    all.set(name.toLowerCase(), before === undefined ? trimmed : `${before}, ${trimmed}`);
  }
  return [...all].filter(([, value]) => value !== "");
}
