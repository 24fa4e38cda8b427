import { createReadStream } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { invalid, MlflowError, notImplemented } from "./errors.ts";
import { type Json, prettyJson, pythonJson } from "./json.ts";

/** What a handler is given. */
export interface Call {
  /** The parts of the path that the route names, decoded. */
  path: Readonly<Record<string, string>>;
  /** Query parameters of a GET, the JSON body of everything else. */
  parameters: () => Promise<Record<string, unknown>>;
  query: URLSearchParams;
  request: IncomingMessage;
}

/** What a handler answers; a file is streamed. */
export type Answer =
  | { json: Json; status?: number }
  | { text: string; contentType: string; status: number }
  | { file: string; size: number; name: string; contentType: string };

export interface Route {
  method: string;
  /** `/api/2.0/mlflow/…` with `:name` for one part and `*name` for the rest. */
  path: string;
  /** Absent: MLflow has it, the stand-in does not. */
  handle?: (call: Call) => Answer | Promise<Answer>;
}

export interface MatchedRoute extends Route {
  pattern: RegExp;
}

/** Parameters that are lists although a query may give them once. */
const LISTS = ["stages", "order_by"];
/** Longest JSON body read, in bytes. */
const MAX_BODY = 16 * 1024 * 1024;

const PHRASES: Record<number, readonly [string, string]> = {
  400: ["Bad Request", "The browser (or proxy) sent a request that this server could not understand."],
  404: [
    "Not Found",
    "The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.",
  ],
  405: ["Method Not Allowed", "The method is not allowed for the requested URL."],
  500: [
    "Internal Server Error",
    "The server encountered an internal error and was unable to complete your request. Either the server is overloaded or there is an error in the application.",
  ],
};

export function compileRoutes(routes: readonly Route[]): MatchedRoute[] {
  return routes.map((route) => {
    const source = route.path
      .replace(/[.]/g, "\\.")
      .replace(/:(\w+)/g, "(?<$1>[^/]+)")
      .replace(/\*(\w+)/, "(?<$1>.+)");
    return { ...route, pattern: new RegExp(`^${source}$`, "s") };
  });
}

/** The HTML page MLflow's web framework answers outside its handlers. */
export function htmlPage(status: 400 | 404 | 405 | 500): Answer {
  const [title = "", sentence = ""] = PHRASES[status] ?? [];
  const page = `<!doctype html>\n<html lang=en>\n<title>${status} ${title}</title>\n<h1>${title}</h1>\n<p>${sentence}</p>\n`;
  return { text: page, contentType: "text/html; charset=utf-8", status };
}

export type Log = (event: string, fields: Readonly<Record<string, unknown>>) => void;

/** Finds the route and runs it; every error becomes an answer. */
export async function answerCall(
  routes: readonly MatchedRoute[],
  request: IncomingMessage,
  url: URL,
  log: Log,
): Promise<{ route: string; answer: Answer }> {
  const pathname = url.pathname.replace(/^\/ajax-api\//, "/api/");
  const matching = routes.filter((route) => route.pattern.test(pathname));
  const route = matching.find((candidate) => candidate.method === request.method);
  if (route === undefined) {
    return { route: `${request.method} unknown`, answer: htmlPage(matching.length === 0 ? 404 : 405) };
  }
  const name = `${route.method} ${route.path}`;
  try {
    const handle = route.handle;
    if (handle === undefined) throw notImplemented(`The stand-in does not implement ${name}.`);
    return { route: name, answer: await handle(toCall(route, request, url, pathname)) };
  } catch (error) {
    return { route: name, answer: toErrorAnswer(error, log) };
  }
}

/** Writes the answer; errors in MLflow's JSON are one line, everything else is indented. */
export async function sendAnswer(answer: Answer, response: ServerResponse): Promise<void> {
  if ("file" in answer) {
    const name = answer.name.replace(/[^\x20-\x7e]|["\\;]/g, "_");
    const extended = name === answer.name ? "" : `; filename*=UTF-8''${encodeURIComponent(answer.name)}`;
    response.writeHead(200, {
      "Content-Type": answer.contentType,
      "Content-Length": answer.size,
      "Content-Disposition": `attachment; filename=${name}${extended}`,
    });
    await pipeline(createReadStream(answer.file), response);
    return;
  }
  const status = answer.status ?? 200;
  const contentType = "json" in answer ? "application/json" : answer.contentType;
  const body = "json" in answer ? (status < 400 ? prettyJson : pythonJson)(answer.json) : answer.text;
  response.writeHead(status, { "Content-Type": contentType, "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

function toErrorAnswer(error: unknown, log: Log): Answer {
  if (error instanceof MlflowError) return { json: error.toJson(), status: error.status };
  if (error instanceof InternalPage) return htmlPage(error.status);
  log("mlflow-request-failed", { error: String(error) });
  return htmlPage(500);
}

/** What MLflow answers with an HTML page although the endpoint exists. */
export class InternalPage extends Error {
  readonly status: 400 | 500;
  constructor(status: 400 | 500) {
    super(`HTML page ${status}`);
    this.name = "InternalPage";
    this.status = status;
  }
}

function toCall(route: MatchedRoute, request: IncomingMessage, url: URL, pathname: string): Call {
  const groups = route.pattern.exec(pathname)?.groups ?? {};
  return {
    path: Object.fromEntries(Object.entries(groups).map(([key, value]) => [key, decodePart(value)])),
    parameters: () => (request.method === "GET" ? Promise.resolve(fromQuery(url.searchParams)) : readBody(request)),
    query: url.searchParams,
    request,
  };
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    if (error instanceof URIError) throw new InternalPage(400);
    throw error;
  }
}

function fromQuery(query: URLSearchParams): Record<string, unknown> {
  const keys = new Set(query.keys());
  return Object.fromEntries(
    [...keys].map((key) => [key, LISTS.includes(key) ? query.getAll(key) : (query.get(key) ?? "")]),
  );
}

/** DELETE and PATCH carry a JSON body too; what cannot be parsed counts as empty, a list breaks MLflow's handler. */
async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  const body = await readText(request);
  if (request.method === "POST" && type !== "application/json") {
    throw invalid("Bad Request. Content-Type must be one of ['application/json'].");
  }
  const parsed = parseJson(body);
  if (parsed === null || parsed === undefined) return {};
  if (typeof parsed !== "object" || Array.isArray(parsed)) throw new InternalPage(500);
  return { ...parsed };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const piece: Buffer = chunk;
    size += piece.length;
    if (size > MAX_BODY) throw new Error(`A JSON body of more than ${MAX_BODY} bytes is not read.`);
    chunks.push(piece);
  }
  return Buffer.concat(chunks).toString("utf8");
}
