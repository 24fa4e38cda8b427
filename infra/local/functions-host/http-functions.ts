import type { IncomingMessage } from "node:http";
import { z } from "zod";
import type { Invoker } from "./invoker.ts";
import { isAllowed, type Keys } from "./keys.ts";
import type { Log } from "./log.ts";
import type { HttpTrigger, RegisteredFunction } from "./registered-function.ts";
import { compileRoute, type Route } from "./route.ts";

/** A request with its body read whole, as the host gives it to a function. */
export interface BufferedRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

interface HttpFunction {
  readonly target: RegisteredFunction;
  readonly trigger: HttpTrigger;
  readonly route: Route;
}

/** What the library answers for an HTTP function; nothing returned is a 204, as in Azure. */
const httpReturn = z
  .object({
    http: z.object({
      statusCode: z.coerce.number().int().min(200).max(599),
      headers: z.record(z.string(), z.string()),
      cookies: z.array(z.unknown()),
      body: z.object({ bytes: z.instanceof(Uint8Array) }).nullish(),
    }),
  })
  .nullish();

/** Answers requests by the app's HTTP functions; throws at once on a route it cannot serve. */
export function createHttpFunctions(deps: {
  functions: readonly RegisteredFunction[];
  routePrefix: string;
  keys: Keys;
  invoker: Invoker;
  log: Log;
}): (request: BufferedRequest) => Promise<Answer> {
  const served = deps.functions
    .flatMap((target) =>
      target.trigger.kind === "http" ? [toHttpFunction(target, target.trigger, deps.routePrefix)] : [],
    )
    .sort((a, b) => (a.route.precedence < b.route.precedence ? -1 : 1));

  return async (request) => {
    const path = decodePath(request.url.pathname);
    if (path === undefined) return { status: 400 };
    const found = findFunction(served, request.method, path);
    // Also for a known path with a method nobody listens to: Azure answers 404 there (azure-functions-host#10098).
    if (found === undefined) return { status: 404 };
    const presented = { headers: request.headers, query: request.url.searchParams };
    if (!isAllowed(found.trigger.authLevel, presented, deps.keys)) return { status: 401 };
    return invokeHttp(deps, found.target, request, found.params);
  };
}

function findFunction(served: readonly HttpFunction[], method: string, path: readonly string[]) {
  for (const { target, trigger, route } of served) {
    const params = trigger.methods.includes(method) ? route.match(path) : undefined;
    if (params !== undefined) return { target, trigger, params };
  }
  return undefined;
}

function toHttpFunction(target: RegisteredFunction, trigger: HttpTrigger, routePrefix: string): HttpFunction {
  const template = [routePrefix, trigger.route].join("/").replace(/^\/+/, "");
  if (/^(admin|runtime)(\/|$)/i.test(template)) {
    throw new Error(`Function "${target.name}": route "${template}" conflicts with the host's own routes`);
  }
  return { target, trigger, route: compileRoute(template) };
}

async function invokeHttp(
  deps: { invoker: Invoker; log: Log },
  target: RegisteredFunction,
  request: BufferedRequest,
  params: Readonly<Record<string, string>>,
): Promise<Answer> {
  const { method, url, body } = request;
  const headers = joinHeaders(request.headers);
  const http = { method, url: url.href, headers, query: joinQuery(url.searchParams), params };
  const data = { http: body.length > 0 ? { ...http, body: { bytes: body } } : http };
  const input = { data, traceParent: headers["traceparent"] };
  const outcome = await deps.invoker.run(target, input, "This function was programmatically called via the host APIs.");
  if (!outcome.ok) return { status: 500 };
  const returned = httpReturn.safeParse(outcome.value);
  if (!returned.success) return refuse(deps.log, target, 500, `its answer cannot be sent: ${returned.error.message}`);
  if (!returned.data) return { status: 204 };
  const answer = returned.data.http;
  if (answer.cookies.length > 0)
    return refuse(deps.log, target, 501, "cookies are not supported by the local Functions host");
  return { status: answer.statusCode, headers: answer.headers, body: answer.body?.bytes ?? "" };
}

function refuse(log: Log, { name }: RegisteredFunction, status: number, message: string): Answer {
  log({ level: "error", category: `Function.${name}`, functionName: name, message: `Function "${name}": ${message}` });
  return { status, body: message };
}

/** Decoded path segments, or undefined when one cannot be decoded. */
function decodePath(pathname: string): string[] | undefined {
  try {
    return pathname.replace(/^\//, "").replace(/\/$/, "").split("/").map(decodeURIComponent);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/** Azure leaves out headers without a value and joins repeated ones. */
function joinHeaders(headers: IncomingMessage["headers"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => {
      const text = Array.isArray(value) ? value.join(", ") : value;
      return text ? [[name, text]] : [];
    }),
  );
}

/** A repeated parameter arrives once, its values joined by commas. */
function joinQuery(query: URLSearchParams): Record<string, string> {
  return Object.fromEntries([...new Set(query.keys())].map((name) => [name, query.getAll(name).join(",")]));
}
