import { isObject, type JsonObject } from "./json.ts";
import type { KubeObject } from "./objects.ts";
import { groupVersion, type Resource } from "./resources.ts";
import type { Filter } from "./selectors.ts";
import { badRequest, StatusError } from "./status-error.ts";
import type { Store } from "./store.ts";

/** What is listed. */
export interface ListRequest {
  resource: Resource;
  namespace: string | undefined;
  filter: Filter;
  query: URLSearchParams;
}

/** One page; the pages of one list all show the state of its first. */
export function listObjects(store: Store, request: ListRequest): { list: JsonObject; items: KubeObject[] } {
  const { resource, filter, query } = request;
  const token = continuation(query.get("continue"));
  const revision = token?.revision ?? exactRevision(query) ?? store.revision();
  const all = objectsAtRevision(store, request, revision, token !== undefined).filter(filter);
  const left = token === undefined ? all : all.filter((object) => keyOf(object) > token.after);
  const limit = Number(query.get("limit") ?? 0) || left.length;
  const items = left.slice(0, limit);
  const rest = left.length - items.length;
  const last = items.at(-1);
  const selective = query.has("labelSelector") || query.has("fieldSelector");
  const metadata: JsonObject = {
    resourceVersion: String(revision),
    ...(rest > 0 && last !== undefined ? { continue: tokenOf(revision, keyOf(last)) } : {}),
    // With a selector the real server does not count either.
    ...(rest > 0 && !selective ? { remainingItemCount: rest } : {}),
  };
  const list = { kind: `${resource.kind}List`, apiVersion: groupVersion(resource), metadata };
  return { list: { ...list, items: items.map(({ kind: _, apiVersion: __, ...item }) => item) }, items };
}

function objectsAtRevision(store: Store, request: ListRequest, revision: number, paging: boolean): KubeObject[] {
  const { resource, namespace } = request;
  try {
    return store.listAt(resource, namespace, revision);
  } catch (error) {
    if (!paging || !(error instanceof StatusError)) throw error;
    throw new StatusError(
      410,
      "Expired",
      "The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.",
    );
  }
}

function exactRevision(query: URLSearchParams): number | undefined {
  return query.get("resourceVersionMatch") === "Exact" ? Number(query.get("resourceVersion")) : undefined;
}

const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ""}/${metadata.name}`;

const tokenOf = (revision: number, after: string): string =>
  Buffer.from(JSON.stringify({ revision, after })).toString("base64url");

function continuation(text: string | null): { revision: number; after: string } | undefined {
  if (text === null || text === "") return undefined;
  const invalid = badRequest("continue key is not valid");
  try {
    const token: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    if (!isObject(token)) throw invalid;
    const { revision, after } = token;
    if (typeof revision !== "number" || typeof after !== "string") throw invalid;
    return { revision, after };
  } catch (error) {
    if (error instanceof SyntaxError) throw invalid;
    throw error;
  }
}
