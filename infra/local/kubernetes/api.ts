import type { IncomingMessage, ServerResponse } from "node:http";
import { admitApplied, admitBody, admitPatched, fieldValidationOf } from "./admission.ts";
import { isObject, type Json, type JsonObject, objectAt } from "./json.ts";
import { listObjects } from "./list.ts";
import type { KubeObject, Pod } from "./objects.ts";
import type { Operations, WriteOptions } from "./operations.ts";
import { jsonPatch, mergePatch, strategicMergePatch } from "./patch.ts";
import { servePodLog } from "./pod-log.ts";
import { createServiceUpstream, forward, podUpstream } from "./proxy.ts";
import { isDryRun, managerOf, readBody, requireObject, type Target } from "./request.ts";
import { qualifiedName, type Resource, resources } from "./resources.ts";
import { scaleOf, withScale } from "./scale.ts";
import { schemaOf } from "./schema.ts";
import { type Filter, filterOf } from "./selectors.ts";
import { badRequest, conflict, invalidOption, notImplemented, StatusError } from "./status-error.ts";
import { renderTable, wantsTable } from "./table.ts";
import { serveWatch } from "./watch.ts";

/** One request on its way to a stored kind. */
export interface Call {
  target: Target;
  verb: string;
  query: URLSearchParams;
  /** `?…` as it came. */
  search: string;
  incoming: IncomingMessage;
  response: ServerResponse;
}

/** A call that names one object. */
interface ObjectCall extends Call {
  name: string;
  namespace: string | undefined;
  resource: Resource;
}

/** The Kubernetes name of what a request does. */
export function verbOf(method: string, target: Target, query: URLSearchParams): string {
  const single = target.name !== undefined;
  switch (method) {
    case "GET":
    case "HEAD":
      if (single) return "get";
      return ["1", "true"].includes(query.get("watch") ?? "") ? "watch" : "list";
    case "POST":
      return "create";
    case "PUT":
      return "update";
    case "PATCH":
      return "patch";
    case "DELETE":
      return single ? "delete" : "deletecollection";
    default:
      return method.toLowerCase();
  }
}

const notAllowed = (): StatusError =>
  new StatusError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {});

/** Answers requests for stored kinds; what it throws becomes a Status. */
export function createApi(operations: Operations): (call: Call) => Promise<void> {
  const { store } = operations;
  const serviceUpstream = createServiceUpstream(operations);

  const subresources: Readonly<Record<string, (call: ObjectCall) => Promise<void>>> = {
    scale,
    binding: bind,
    log,
    proxy,
  };

  return async (call) => {
    const { resource, name, namespace } = call.target;
    if (name === undefined) return collection(call);
    const one: ObjectCall = { ...call, name, namespace, resource };
    const handler = subresources[call.target.subresource ?? ""];
    if (handler !== undefined) return handler(one);
    return object(one);
  };

  async function collection(call: Call): Promise<void> {
    const { resource, namespace } = call.target;
    const filter = () => filterOf(call.query, resource);
    switch (call.verb) {
      case "list":
        return sendList(call);
      case "watch":
        serveWatch(
          store,
          { resource, namespace, filter: filter(), query: call.query, render: (one) => shape(call, one) },
          call.response,
        );
        return;
      case "create":
        return create(call);
      case "deletecollection":
        return removeAll(call, filter());
      default:
        throw notAllowed();
    }
  }

  async function removeAll(call: Call, filter: Filter): Promise<void> {
    const { resource, namespace } = call.target;
    const options = await deleteOptions(call);
    const { list, items } = listObjects(store, { resource, namespace, filter, query: new URLSearchParams() });
    for (const item of items) operations.remove(resource, item, options);
    send(call, 200, list);
  }

  function sendList(call: Call): void {
    const { resource, namespace } = call.target;
    const { list, items } = listObjects(store, {
      resource,
      namespace,
      filter: filterOf(call.query, resource),
      query: call.query,
    });
    const table = wantsTable(call.incoming.headers.accept);
    send(
      call,
      200,
      table ? renderTable(resource, items, objectAt(list, "metadata"), call.query.get("includeObject")) : list,
    );
  }

  async function create(call: Call): Promise<void> {
    const { resource, namespace } = call.target;
    if (resource.namespaced && namespace === undefined) throw notAllowed();
    const body = requireObject(await readBody(call.incoming));
    const admitted = admitBody(resource, body, fieldValidationOf(call.query));
    warn(call, admitted.warnings);
    sendObject(call, 201, operations.create(resource, namespace, admitted.object, writeOptions(call)));
  }

  async function object(call: ObjectCall): Promise<void> {
    const { resource, namespace, name } = call;
    switch (call.verb) {
      case "get":
        return sendObject(call, 200, operations.read(resource, namespace, name));
      case "update":
        return replace(call);
      case "patch":
        return isApply(call) ? apply(call) : patch(call);
      case "delete":
        return remove(call);
      default:
        throw notAllowed();
    }
  }

  async function replace(call: ObjectCall): Promise<void> {
    const { resource, namespace, name } = call;
    const body = requireObject(await readBody(call.incoming));
    const admitted = admitBody(resource, body, fieldValidationOf(call.query));
    const live = operations.read(resource, namespace, name);
    const { uid } = objectAt(admitted.object, "metadata");
    if (uid !== undefined && uid !== live.metadata.uid)
      throw conflict(
        resource,
        name,
        `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${live.metadata.uid}`,
      );
    warn(call, admitted.warnings);
    sendObject(call, 200, operations.update(resource, live, admitted.object, writeOptions(call)));
  }

  async function apply(call: ObjectCall): Promise<void> {
    const { resource, namespace, name, query } = call;
    if ((query.get("fieldManager") ?? "") === "")
      throw invalidOption("fieldManager", "Required value: is required for apply patch");
    const config = admitApplied(resource, requireObject(await readBody(call.incoming)), name);
    const options = { ...writeOptions(call), force: query.get("force") === "true" };
    const { object: applied, created } = operations.apply(
      resource,
      { namespace, name },
      forSubresource(resource, config, options.subresource),
      options,
    );
    sendObject(call, created ? 201 : 200, applied);
  }

  async function patch(call: ObjectCall): Promise<void> {
    const { resource, namespace, name, query } = call;
    if (query.has("force")) throw invalidOption("force", "Forbidden: may not be specified for non-apply patch");
    const body = await readBody(call.incoming);
    const live = operations.read(resource, namespace, name);
    const patched = patchedBy(call, live, body);
    const admitted = admitPatched(resource, patched, fieldValidationOf(query));
    warn(call, admitted.warnings);
    sendObject(call, 200, operations.update(resource, live, admitted.object, writeOptions(call)));
  }

  async function remove(call: ObjectCall): Promise<void> {
    const { resource, namespace, name } = call;
    const options = await deleteOptions(call);
    const live = operations.read(resource, namespace, name);
    const { object: removed, gone } = operations.remove(resource, live, options);
    if (!gone || RETURNED_WHEN_DELETED.has(resource.plural)) return sendObject(call, 200, removed);
    const { uid } = live.metadata;
    const details = { name, ...(resource.group === "" ? {} : { group: resource.group }), kind: resource.plural, uid };
    send(call, 200, { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details });
  }

  async function scale(call: ObjectCall): Promise<void> {
    const { resource, namespace, name } = call;
    const live = operations.read(resource, namespace, name);
    if (call.verb === "get") return send(call, 200, scaleOf(live));
    if (isApply(call)) throw notImplemented("server-side apply to a scale");
    const body = await readBody(call.incoming);
    const wanted = call.verb === "update" ? requireObject(body) : patchedBy(call, scaleOf(live), body, "V1Scale");
    const fresh = operations.read(resource, namespace, name);
    send(call, 200, scaleOf(operations.update(resource, fresh, withScale(fresh, wanted), writeOptions(call))));
  }

  async function bind(call: ObjectCall): Promise<void> {
    if (call.verb !== "create") throw notAllowed();
    const body = requireObject(await readBody(call.incoming));
    const { name } = objectAt(body, "target");
    if (typeof name !== "string" || name === "") throw badRequest("a binding must name its target node");
    operations.bind(operations.read(resources.pods, call.namespace, call.name), name);
    send(call, 201, { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 });
  }

  async function log(call: ObjectCall): Promise<void> {
    if (call.verb !== "get") throw notAllowed();
    const pod: Pod = operations.read(resources.pods, call.namespace, call.name);
    await servePodLog(operations, pod, call.query, call.response);
  }

  async function proxy(call: ObjectCall): Promise<void> {
    const { namespace = "", name, resource, search, target } = call;
    const upstream =
      resource.kind === "Pod" ? podUpstream(operations, namespace, name) : serviceUpstream(namespace, name);
    forward(call.incoming, call.response, { ...upstream, path: `/${target.rest}${search}` });
  }
}

const RETURNED_WHEN_DELETED = new Set(["pods", "services", "serviceaccounts"]);

const contentType = ({ incoming }: Call): string =>
  (incoming.headers["content-type"] ?? "").split(";")[0]?.trim() ?? "";

const isApply = (call: Call): boolean =>
  call.verb === "patch" && ["application/apply-patch+yaml", "application/apply-patch+json"].includes(contentType(call));

function patchedBy(
  call: Call,
  live: JsonObject,
  patch: Json | undefined,
  model = call.target.resource.model,
): JsonObject {
  switch (contentType(call)) {
    case "application/json-patch+json":
      return requireObject(jsonPatch(live, patch));
    case "application/merge-patch+json":
      return requireObject(mergePatch(live, requireObject(patch)));
    case "application/strategic-merge-patch+json":
      return requireObject(strategicMergePatch(live, requireObject(patch), schemaOf(model)));
    default:
      throw new StatusError(
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml",
      );
  }
}

/** An apply through /status owns nothing but the status, one to the object itself everything else. */
function forSubresource(resource: Resource, config: JsonObject, subresource: string | undefined): JsonObject {
  const { status, ...rest } = config;
  if (!resource.subresources.includes("status")) return config;
  if (subresource !== "status") return rest;
  const { apiVersion, kind, metadata } = config;
  return { apiVersion, kind, metadata, ...(status === undefined ? {} : { status }) };
}

function writeOptions({ incoming, query, target }: Call): WriteOptions {
  const { subresource } = target;
  return {
    manager: managerOf(incoming, query),
    dryRun: isDryRun(query),
    subresource: subresource === "status" || subresource === "scale" ? subresource : undefined,
  };
}

async function deleteOptions({ incoming, query }: Call) {
  const body = await readBody(incoming);
  const given = isObject(body) ? body : {};
  const preconditions = objectAt(given, "preconditions");
  const seconds = given["gracePeriodSeconds"] ?? query.get("gracePeriodSeconds") ?? undefined;
  return {
    gracePeriodSeconds: seconds === undefined || seconds === null ? undefined : Number(seconds),
    propagationPolicy: textOf(given["propagationPolicy"] ?? query.get("propagationPolicy")),
    uid: textOf(preconditions["uid"]),
    resourceVersion: textOf(preconditions["resourceVersion"]),
    dryRun: isDryRun(query) || given["dryRun"] !== undefined,
  };
}

const textOf = (value: Json | undefined): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

function warn({ response }: Call, warnings: readonly string[]): void {
  if (warnings.length > 0)
    response.setHeader(
      "warning",
      warnings.map((text) => `299 - ${JSON.stringify(text)}`),
    );
}

function shape({ target, incoming, query }: Call, object: KubeObject): JsonObject {
  if (!wantsTable(incoming.headers.accept)) return object;
  const { resourceVersion } = object.metadata;
  return renderTable(target.resource, [object], { resourceVersion }, query.get("includeObject"));
}

const sendObject = (call: Call, code: number, object: KubeObject): void => send(call, code, shape(call, object));

function send({ response }: Call, code: number, body: JsonObject): void {
  response.writeHead(code, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** The name under which a call is counted: `patch deployments.apps/status`. */
export function countedAs({ verb, target }: Pick<Call, "verb" | "target">): string {
  const { resource, subresource } = target;
  return `${verb} ${qualifiedName(resource)}${subresource === undefined ? "" : `/${subresource}`}`;
}
