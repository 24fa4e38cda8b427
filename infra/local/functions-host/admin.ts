import { z } from "zod";
import type { Answer, BufferedRequest } from "./http-functions.ts";
import type { Executions } from "./invoker.ts";
import { isAllowed, type Keys } from "./keys.ts";
import type { RegisteredFunction } from "./registered-function.ts";

/** Fires a function once; resolves when it has ended. The input is what a caller gave in place of the trigger's value. */
export type Fire = (input: string | undefined) => Promise<void>;

export interface AdminDeps {
  readonly keys: Keys;
  readonly functions: readonly RegisteredFunction[];
  readonly executions: () => Readonly<Record<string, Executions>>;
  /** The functions that can be fired, by name; HTTP functions are not among them. */
  readonly fire: ReadonlyMap<string, Fire>;
  readonly startedAt: Date;
  readonly now: () => Date;
  /** Takes over work that goes on after the answer. */
  readonly inBackground: (work: Promise<void>) => void;
}

const invocation = z.object({ input: z.string().optional() });

/** The part of the real host's `/admin` interface that makes sense on one machine; anything else there is a 501. */
export function createAdmin(deps: AdminDeps): (request: BufferedRequest) => Answer {
  return (request) => {
    const { pathname, searchParams } = request.url;
    if (pathname === "/admin/host/ping") return { status: 200 };
    if (!isAllowed("admin", { headers: request.headers, query: searchParams }, deps.keys)) return { status: 401 };
    const name = /^\/admin\/functions\/([\w-]+)$/.exec(pathname)?.[1];
    if (request.method === "POST" && name !== undefined) return fire(deps, name, request.body);
    return request.method === "GET" ? look(deps, pathname) : unsupported(`${request.method} ${pathname}`);
  };
}

function look(deps: AdminDeps, path: string): Answer {
  switch (path) {
    case "/admin/host/status":
      return json(200, status(deps));
    case "/admin/functions":
      return json(200, deps.functions.map(describeFunction));
    case "/admin/local/executions":
      return json(200, deps.executions());
    default:
      return unsupported(`GET ${path}`);
  }
}

function unsupported(what: string): Answer {
  return json(501, { error: `${what} is not supported by the local Functions host` });
}

function fire(deps: AdminDeps, name: string, body: Buffer): Answer {
  const target = deps.functions.find((one) => one.name.toLowerCase() === name.toLowerCase());
  if (target === undefined) return { status: 404 };
  const run = deps.fire.get(target.name);
  if (run === undefined) return json(501, { error: `"${target.name}" is an HTTP function: call its route instead` });
  const given = invocation.safeParse(parseJson(body));
  if (!given.success) return json(400, { error: 'The body must be a JSON object, {} or {"input": "text"}' });
  deps.inBackground(run(given.data.input));
  return { status: 202 };
}

function status(deps: AdminDeps) {
  return { state: "Running", version: "4.99.0-local", processUptime: deps.now().getTime() - deps.startedAt.getTime() };
}

function describeFunction({ name, bindings }: RegisteredFunction) {
  const described = Object.entries(bindings).map(([key, binding]) => ({ ...binding, name: key }));
  return { name, language: "node", isDisabled: false, config: { bindings: described } };
}

function json(code: number, value: unknown): Answer {
  return { status: code, headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined; // which no schema takes for an object
  }
}
