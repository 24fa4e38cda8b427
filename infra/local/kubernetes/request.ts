import type { IncomingMessage } from "node:http";
import { parse } from "yaml";
import { isObject, type Json, type JsonObject } from "./json.ts";
import { allResources, type Resource, resources } from "./resources.ts";
import { badRequest, invalidOption, notImplemented, StatusError } from "./status-error.ts";

/** Where a request goes: a stored kind, maybe one object of it, maybe a part of that. */
export interface Target {
  resource: Resource;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
  /** What follows `/proxy/`, still encoded. */
  rest: string;
}

/** Reads the path below `/api/v1` or `/apis/GROUP/VERSION`; 501 for what the control plane does not store. */
export function parseTarget(path: string): Target | undefined {
  const match = /^\/(?:api|apis\/([^/]+))\/([^/]+)\/(.+)$/.exec(path);
  if (match === null) return undefined;
  const [, group = "", version, below = ""] = match;
  const parts = below.split("/");
  const scoped = parts[0] === "namespaces" && parts.length > 2 && !isSubresource(group, parts[2]);
  const namespace = scoped ? decode(parts[1]) : undefined;
  const [plural, name, subresource, ...rest] = scoped ? parts.slice(2) : parts;
  const resource = allResources.find((one) => one.group === group && one.version === version && one.plural === plural);
  if (resource === undefined) throw notImplemented(path);
  if (subresource !== undefined && !resource.subresources.includes(subresource)) throw notImplemented(path);
  if (resource.namespaced && namespace === undefined && name !== undefined) throw notImplemented(path);
  return { resource, namespace, name: decode(name), subresource, rest: rest.join("/") };
}

const isSubresource = (group: string, part: string | undefined): boolean =>
  group === "" && (part === "finalize" || resources.namespaces.subresources.includes(part ?? ""));

function decode(part: string | undefined): string | undefined {
  try {
    return part === undefined ? undefined : decodeURIComponent(part);
  } catch (error) {
    if (error instanceof URIError) throw badRequest(`cannot decode "${part}"`);
    throw error;
  }
}

/** Bytes of a request body the real server takes as well. */
const LARGEST_BODY = 3 * 1024 * 1024;

/** The body as JSON or YAML; undefined when there is none. Throws 400, 413 or 415. */
export async function readBody(request: IncomingMessage): Promise<Json | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > LARGEST_BODY)
      throw new StatusError(413, "RequestEntityTooLarge", `Request entity too large: limit is ${LARGEST_BODY}`);
    chunks.push(bytes);
  }
  if (size === 0) return undefined;
  return decodeBody(Buffer.concat(chunks).toString(), request.headers["content-type"] ?? "application/json");
}

function decodeBody(text: string, contentType: string): Json {
  if (contentType.includes("protobuf"))
    throw new StatusError(
      415,
      "UnsupportedMediaType",
      `the body of the request was in an unknown format: ${contentType}`,
    );
  try {
    const value: Json = contentType.includes("yaml") ? parse(text) : JSON.parse(text);
    return value;
  } catch (error) {
    throw badRequest(`error decoding the body: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The body of a write. */
export function requireObject(body: Json | undefined): JsonObject {
  if (!isObject(body)) throw badRequest("the object provided is unrecognized (must be of type object)");
  return body;
}

/** Whether the query asks for `dryRun=All`; any other value is refused. */
export function isDryRun(query: URLSearchParams): boolean {
  const asked = query.getAll("dryRun").filter((value) => value !== "");
  if (asked.some((value) => value !== "All"))
    throw invalidOption("dryRun", `Unsupported value: ${JSON.stringify(asked)}: supported values: "All"`);
  return asked.length > 0;
}

/** Who owns the fields this request writes: the field manager, or the client's name. */
export function managerOf(request: IncomingMessage, query: URLSearchParams): string {
  const given = query.get("fieldManager");
  if (given !== null && given !== "") return given;
  return (request.headers["user-agent"] ?? "unknown").split("/")[0] ?? "unknown";
}
