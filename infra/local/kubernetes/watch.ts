import type { ServerResponse } from "node:http";
import type { JsonObject } from "./json.ts";
import type { KubeObject } from "./objects.ts";
import { groupVersion, type Resource } from "./resources.ts";
import type { Filter } from "./selectors.ts";
import { StatusError, toStatus } from "./status-error.ts";
import type { Change, Store } from "./store.ts";

/** What is watched, from when on, and how objects are shown. */
export interface WatchRequest {
  resource: Resource;
  namespace: string | undefined;
  filter: Filter;
  query: URLSearchParams;
  render(object: KubeObject): JsonObject;
}

const BOOKMARK_MILLISECONDS = 60_000;

/** Streams changes until the client goes, the time asked for is over, or the server closes. */
export function serveWatch(store: Store, request: WatchRequest, response: ServerResponse): void {
  const { query } = request;
  refuseInitialEvents(query);
  response.writeHead(200, { "content-type": "application/json" });
  const send = (type: string, object: JsonObject): void => {
    response.write(`${JSON.stringify({ type, object })}\n`);
  };
  try {
    for (const [type, object] of backlog(store, request)) send(type, object);
  } catch (error) {
    // The stream has begun: what is wrong with it is told inside.
    send("ERROR", toStatus(error));
    response.end();
    return;
  }
  response.flushHeaders();
  const stops = [store.subscribe((change) => tell(request, change, send))];
  if (query.get("allowWatchBookmarks") === "true")
    stops.push(every(BOOKMARK_MILLISECONDS, () => send("BOOKMARK", bookmark(store, request))));
  const seconds = Number(query.get("timeoutSeconds") ?? 0);
  if (seconds > 0) stops.push(after(seconds * 1000, () => endWatch(store, request, response, send)));
  response.on("close", () => {
    for (const stop of stops) stop();
  });
}

/** Clients of the newest kind ask for a list inside the watch and fall back when they are told so. */
function refuseInitialEvents(query: URLSearchParams): void {
  if (!query.has("sendInitialEvents")) return;
  const message =
    "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
  throw new StatusError(422, "Invalid", `ListOptions.meta.k8s.io "" is invalid: ${message}`);
}

function* backlog(store: Store, request: WatchRequest): Generator<[string, JsonObject]> {
  const since = request.query.get("resourceVersion") ?? "";
  if (since === "" || since === "0") {
    for (const object of store.list(request.resource, request.namespace).filter(request.filter))
      yield ["ADDED", request.render(object)];
    return;
  }
  for (const change of store.changesSince(Number(since))) {
    const event = eventOf(request, change);
    if (event !== undefined) yield event;
  }
}

function tell(request: WatchRequest, change: Change, send: (type: string, object: JsonObject) => void): void {
  const event = eventOf(request, change);
  if (event !== undefined) send(...event);
}

/** For a watcher with a selector an object appears when it begins to match, and disappears when it ends to. */
function eventOf(
  { resource, namespace, filter, render }: WatchRequest,
  change: Change,
): [string, JsonObject] | undefined {
  const { object, previous, type } = change;
  if (change.resource !== resource) return undefined;
  if (namespace !== undefined && object.metadata.namespace !== namespace) return undefined;
  const was = previous !== undefined && filter(previous);
  const is = type !== "DELETED" && filter(object);
  if (is) return [was ? "MODIFIED" : "ADDED", render(object)];
  return was ? ["DELETED", render(object)] : undefined;
}

const bookmark = (store: Store, { resource }: WatchRequest): JsonObject => ({
  kind: resource.kind,
  apiVersion: groupVersion(resource),
  metadata: { resourceVersion: String(store.revision()), creationTimestamp: null },
});

function endWatch(
  store: Store,
  request: WatchRequest,
  response: ServerResponse,
  send: (type: string, object: JsonObject) => void,
): void {
  if (request.query.get("allowWatchBookmarks") === "true") send("BOOKMARK", bookmark(store, request));
  response.end();
}

function every(milliseconds: number, run: () => void): () => void {
  const timer = setInterval(run, milliseconds).unref();
  return () => clearInterval(timer);
}

function after(milliseconds: number, run: () => void): () => void {
  const timer = setTimeout(run, milliseconds).unref();
  return () => clearTimeout(timer);
}
