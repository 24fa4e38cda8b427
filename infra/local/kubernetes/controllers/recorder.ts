import { randomBytes } from "node:crypto";
import { equal } from "../json.ts";
import type { KubeObject, OwnerReference } from "../objects.ts";
import type { Operations } from "../operations.ts";
import { type Resource, resources } from "../resources.ts";
import { StatusError } from "../status-error.ts";
import { timestamp } from "../time.ts";

/** What every controller writes with. */
export interface ControllerContext {
  operations: Operations;
  /** Told of everything a controller could not do. */
  failed(controller: string, error: unknown, key: string): void;
}

/** The manager under which controllers write. */
export const CONTROLLER = { manager: "kube-controller-manager" } as const;

/** What an event says. */
export interface Occurrence {
  type: "Normal" | "Warning";
  reason: string;
  message: string;
  component: string;
}

/** Records an event; one that repeats the last of its object raises that one's count. */
export function recordEvent(operations: Operations, object: KubeObject, occurrence: Occurrence): void {
  const namespace = object.metadata.namespace ?? "default";
  const { type, reason, message, component } = occurrence;
  const same = operations.store
    .list(resources.events, namespace)
    .find(
      (event) =>
        event.involvedObject["uid"] === object.metadata.uid && event.reason === reason && event.message === message,
    );
  if (same !== undefined) {
    const next = { ...same, count: (same.count ?? 1) + 1, lastTimestamp: timestamp() };
    operations.update(resources.events, same, next, CONTROLLER);
    return;
  }
  const now = timestamp();
  const event = {
    metadata: { name: `${object.metadata.name}.${randomBytes(8).toString("hex")}` },
    involvedObject: {
      kind: object.kind,
      namespace,
      name: object.metadata.name,
      uid: object.metadata.uid,
      apiVersion: object.apiVersion,
      resourceVersion: object.metadata.resourceVersion,
    },
    ...{ type, reason, message, count: 1, firstTimestamp: now, lastTimestamp: now },
    source: { component },
    reportingComponent: component,
    reportingInstance: "",
  };
  try {
    operations.create(resources.events, namespace, event, CONTROLLER);
  } catch (error) {
    // A namespace that is being emptied takes no new events.
    if (!(error instanceof StatusError && error.code === 403)) throw error;
  }
}

/** The reference by which a controller owns what it makes. */
export function controllerReference(owner: KubeObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true, blockOwnerDeletion: true };
}

/** The reference to the controller of an object. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(({ controller }) => controller === true);
}

/** Those objects the owner controls. */
export function controlledBy<T extends KubeObject>(objects: readonly T[], owner: KubeObject): T[] {
  return objects.filter((object) => controllerOf(object)?.uid === owner.metadata.uid);
}

/** Writes a status if it says anything new. */
export function saveStatus<T extends KubeObject>(
  operations: Operations,
  resource: Resource<T>,
  object: T,
  status: NonNullable<T["status"]>,
): T {
  if (equal(object["status"], status)) return object;
  return operations.update(resource, object, { ...object, status }, { ...CONTROLLER, subresource: "status" });
}
