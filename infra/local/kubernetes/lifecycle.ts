import { randomBytes, randomUUID } from "node:crypto";
import { type JsonObject, objectAt } from "./json.ts";
import type { KubeObject, Metadata } from "./objects.ts";
import { groupVersion, type Resource } from "./resources.ts";
import { badRequest, conflict, forbidden, invalid } from "./status-error.ts";
import { timestamp } from "./time.ts";

/** The body of a delete request. */
export interface DeleteOptions {
  gracePeriodSeconds?: number | undefined;
  propagationPolicy?: string | undefined;
  uid?: string | undefined;
  resourceVersion?: string | undefined;
  dryRun?: boolean;
}

/** A new object out of what a client sent, with everything the server alone decides. */
export function fresh<T extends KubeObject>(
  resource: Resource<T>,
  namespace: string | undefined,
  draft: JsonObject,
): T {
  const given = objectAt(draft, "metadata");
  const wanted = given["namespace"];
  if (wanted !== undefined && wanted !== "" && wanted !== namespace)
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  const metadata: JsonObject = { ...given, ...(namespace === undefined ? {} : { namespace }) };
  metadata["name"] ??= generatedName(resource, metadata["generateName"]);
  for (const field of ["resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"])
    delete metadata[field];
  Object.assign(
    metadata,
    { uid: randomUUID(), creationTimestamp: timestamp() },
    resource.generation ? { generation: 1 } : {},
  );
  const object: JsonObject = { ...draft, apiVersion: groupVersion(resource), kind: resource.kind, metadata };
  // A kubelet registers its node with a status, and the real server keeps it.
  if (resource.subresources.includes("status") && resource.kind !== "Node") delete object["status"];
  const status = FIRST_STATUS[resource.plural];
  if (status !== undefined) object["status"] = structuredClone(status);
  // The draft was checked against the schema of this kind; metadata was completed above.
  return object as T;
}

const FIRST_STATUS: Readonly<Record<string, JsonObject>> = {
  namespaces: { phase: "Active" },
  pods: { phase: "Pending", qosClass: "BestEffort" },
  services: { loadBalancer: {} },
  deployments: {},
  replicasets: { replicas: 0 },
  horizontalpodautoscalers: { desiredReplicas: 0, currentMetrics: null },
  poddisruptionbudgets: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
  ingresses: { loadBalancer: {} },
};

function generatedName(resource: Resource, prefix: unknown): string {
  const field = "metadata.name";
  const missing = { reason: "FieldValueRequired", message: "Required value: name or generateName is required", field };
  if (typeof prefix !== "string" || prefix === "") throw invalid(resource, "", [missing]);
  return prefix + [...randomBytes(5)].map((byte) => SUFFIX_LETTERS[byte % SUFFIX_LETTERS.length]).join("");
}

// No vowels and nothing that looks like one: generated names spell no words.
const SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789";

/** The next state of an object, with everything a client cannot change put back. */
export function successor<T extends KubeObject>(
  resource: Resource<T>,
  live: T,
  draft: JsonObject,
  subresource: string | undefined,
): T {
  const given = objectAt(draft, "metadata");
  checkIdentity(resource, live, given);
  const metadata = keptMetadata(live.metadata, given);
  const base: JsonObject = subresource === "status" ? statusWrite(live, draft, metadata) : { ...draft, metadata };
  if (subresource !== "status" && resource.subresources.includes("status")) restore(base, live, "status");
  // Checked like a new object's: see `fresh`.
  return { ...base, apiVersion: live.apiVersion, kind: live.kind } as T;
}

function checkIdentity(resource: Resource, live: KubeObject, given: JsonObject): void {
  const { name, resourceVersion } = live.metadata;
  if (given["name"] !== undefined && given["name"] !== name)
    throw badRequest(`the name of the object (${given["name"]}) does not match the name on the URL (${name})`);
  if (given["namespace"] !== undefined && given["namespace"] !== live.metadata.namespace)
    throw badRequest("the namespace of the object does not match the namespace on the URL");
  const asked = given["resourceVersion"];
  // "0" and an empty text check nothing.
  if (asked === undefined || asked === "" || asked === "0") return;
  if (asked !== resourceVersion) throw conflict(resource, name);
}

const OWN_METADATA = ["labels", "annotations", "finalizers", "ownerReferences", "managedFields"];

function keptMetadata(live: Metadata, given: JsonObject): JsonObject {
  const kept: JsonObject = { ...live };
  for (const field of OWN_METADATA) {
    delete kept[field];
    if (given[field] !== undefined) kept[field] = given[field];
  }
  kept["managedFields"] ??= live.managedFields;
  if (given["uid"] !== undefined) kept["uid"] = given["uid"];
  return kept;
}

/** Through /status only the status and the annotations change: the Deployment controller writes its revision that way. */
function statusWrite(live: KubeObject, draft: JsonObject, metadata: JsonObject): JsonObject {
  const { annotations, managedFields } = metadata;
  const base: JsonObject = { ...live, metadata: { ...live.metadata, managedFields } };
  restore(base, draft, "status");
  restore(objectAt(base, "metadata"), { annotations }, "annotations");
  return base;
}

function restore(target: JsonObject, from: JsonObject, field: string): void {
  if (from[field] === undefined) delete target[field];
  else target[field] = structuredClone(from[field]);
}

/** Marked for deletion, with nothing left to wait for. */
export function isReleased(object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
  const held = object.kind === "Namespace" ? objectAt(object, "spec")["finalizers"] : undefined;
  const isHeld = finalizers.length > 0 || (Array.isArray(held) && held.length > 0);
  return deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0 && !isHeld;
}

/** Throws 409 when the object is not the one the deleter saw. */
export function checkPreconditions(resource: Resource, { metadata }: KubeObject, options: DeleteOptions): void {
  const named = { ...resource, plural: resource.kind };
  if (options.uid !== undefined && options.uid !== metadata.uid)
    throw conflict(
      named,
      metadata.name,
      `the UID in the precondition (${options.uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    );
  if (options.resourceVersion !== undefined && options.resourceVersion !== metadata.resourceVersion)
    throw conflict(
      named,
      metadata.name,
      `the ResourceVersion in the precondition (${options.resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
    );
}

const PROTECTED = ["default", "kube-system"];
const FINALIZER_OF: Readonly<Record<string, string>> = { Foreground: "foregroundDeletion", Orphan: "orphan" };

/** The object once its deletion has begun. */
export function dying<T extends KubeObject>(resource: Resource<T>, live: T, options: DeleteOptions): T {
  const { metadata } = live;
  if (resource.kind === "Namespace" && PROTECTED.includes(metadata.name))
    throw forbidden(resource, metadata.name, "this namespace may not be deleted");
  const finalizer = FINALIZER_OF[options.propagationPolicy ?? ""];
  const finalizers = [...new Set([...(metadata.finalizers ?? []), ...(finalizer === undefined ? [] : [finalizer])])];
  const asked = resource.kind === "Pod" ? podGrace(live, options.gracePeriodSeconds) : 0;
  const seconds = Math.min(asked, metadata.deletionGracePeriodSeconds ?? asked);
  const next: T = {
    ...live,
    metadata: {
      ...metadata,
      deletionTimestamp: deadline(metadata, seconds),
      deletionGracePeriodSeconds: seconds,
      ...(finalizers.length === 0 ? {} : { finalizers }),
    },
  };
  return resource.kind === "Namespace" ? { ...next, status: { phase: "Terminating" } } : next;
}

function deadline(metadata: Metadata, seconds: number): string {
  if (metadata.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === seconds)
    return metadata.deletionTimestamp;
  return timestamp(Date.now() + seconds * 1000);
}

/** Seconds a pod is left to its kubelet; a pod without a node, or one that has ended, goes at once. */
function podGrace(pod: KubeObject, asked: number | undefined): number {
  const spec = objectAt(pod, "spec");
  const phase = objectAt(pod, "status")["phase"];
  if (spec["nodeName"] === undefined || phase === "Succeeded" || phase === "Failed") return 0;
  const own = spec["terminationGracePeriodSeconds"];
  return Math.max(0, asked ?? (typeof own === "number" ? own : 30));
}
