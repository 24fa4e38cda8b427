import { setDefaults } from "./defaults.ts";
import { equal, type JsonObject, objectAt } from "./json.ts";
import { checkPreconditions, type DeleteOptions, dying, fresh, isReleased, successor } from "./lifecycle.ts";
import { type ManagerId, trackUpdate } from "./managed-fields.ts";
import type { KubeObject, Pod } from "./objects.ts";
import { groupVersion, type Resource, resources } from "./resources.ts";
import { schemaOf } from "./schema.ts";
import { applyConfiguration } from "./server-side-apply.ts";
import { allocateService } from "./service-addresses.ts";
import { alreadyExists, conflict, forbidden, invalid, notFound } from "./status-error.ts";
import type { Store } from "./store.ts";
import { timestamp } from "./time.ts";
import { validate } from "./validation.ts";

/** Who writes, and how. */
export interface WriteOptions {
  manager: string;
  dryRun?: boolean;
  /** Set when the write goes through `/status` or `/scale`. */
  subresource?: "status" | "scale" | undefined;
}

/** Besides the writer, whether other managers' fields may be taken. */
export interface ApplyOptions extends WriteOptions {
  force: boolean;
}

/** What the real server does between the request and etcd; every failure is a StatusError. */
export interface Operations {
  readonly store: Store;
  /** The object, or 404. */
  read<T extends KubeObject>(resource: Resource<T>, namespace: string | undefined, name: string): T;
  create<T extends KubeObject>(
    resource: Resource<T>,
    namespace: string | undefined,
    draft: JsonObject,
    options: WriteOptions,
  ): T;
  /** Replaces an object; a write that changes nothing keeps the resourceVersion. */
  update<T extends KubeObject>(resource: Resource<T>, live: T, draft: JsonObject, options: WriteOptions): T;
  /** Server-side apply; says whether the object was created. */
  apply<T extends KubeObject>(
    resource: Resource<T>,
    place: { namespace: string | undefined; name: string },
    config: JsonObject,
    options: ApplyOptions,
  ): { object: T; created: boolean };
  /** Assigns a pod to a node; throws 409 when it has one. */
  bind(pod: Pod, nodeName: string): Pod;
  /** Deletes, or begins to; says whether the object is gone. */
  remove<T extends KubeObject>(resource: Resource<T>, live: T, options?: DeleteOptions): { object: T; gone: boolean };
}

/** The write path over a store. */
export function createOperations(store: Store): Operations {
  const read: Operations["read"] = (resource, namespace, name) => {
    const object = store.get(resource, namespace, name);
    if (object === undefined) throw notFound(resource, name);
    return object;
  };

  const insert = <T extends KubeObject>(
    resource: Resource<T>,
    namespace: string | undefined,
    draft: JsonObject,
    options: WriteOptions & { applied?: boolean },
  ): T => {
    const object = fresh(resource, namespace, structuredClone(draft));
    const { name } = object.metadata;
    if (resource.namespaced) requireNamespace(store, resource, namespace ?? "", name);
    if (store.get(resource, namespace, name) !== undefined) throw alreadyExists(resource, name);
    setDefaults(resource, object);
    allocateService(store, resource, object);
    refuse(resource, object, undefined);
    if (options.applied !== true) object.metadata.managedFields = tracked(resource, undefined, object, options);
    return options.dryRun === true ? object : store.write("ADDED", resource, object);
  };

  const replace = <T extends KubeObject>(
    resource: Resource<T>,
    live: T,
    draft: JsonObject,
    options: WriteOptions & { applied?: boolean },
  ): T => {
    const object = successor(resource, live, structuredClone(draft), options.subresource);
    setDefaults(resource, object);
    allocateService(store, resource, object, live);
    if (options.subresource !== "status") settleSpec(resource, live, object);
    if (options.applied !== true) object.metadata.managedFields = tracked(resource, live, object, options);
    if (equal(comparable(object), comparable(live))) return live;
    if (options.dryRun === true) return object;
    return store.write(isReleased(object) ? "DELETED" : "MODIFIED", resource, object);
  };

  return {
    store,
    read,
    create: insert,
    update: replace,
    apply(resource, { namespace, name }, config, options) {
      const live = store.get(resource, namespace, name);
      const schema = schemaOf(resource.model);
      const id = managerId(resource, "Apply", options);
      const given = objectAt(config, "metadata");
      const merged = applyConfiguration(live, { config, id, force: options.force, schema, time: timestamp() });
      if (live !== undefined)
        return { object: replace(resource, live, merged, { ...options, applied: true }), created: false };
      if (options.subresource !== undefined) throw notFound(resource, name);
      if (given["uid"] !== undefined) throw conflict(resource, name, uidOfNobody(String(given["uid"])));
      const draft = { ...merged, metadata: { ...merged.metadata, name } };
      return { object: insert(resource, namespace, draft, { ...options, applied: true }), created: true };
    },
    bind(pod, nodeName) {
      const { name } = pod.metadata;
      if (pod.spec.nodeName !== undefined)
        throw conflict(resources.pods, name, `pod ${name} is already assigned to node "${pod.spec.nodeName}"`);
      const scheduled = { type: "PodScheduled", status: "True", lastTransitionTime: timestamp() };
      const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== "PodScheduled");
      const status = { ...pod.status, conditions: [...others, scheduled] };
      return store.write("MODIFIED", resources.pods, { ...pod, spec: { ...pod.spec, nodeName }, status });
    },
    remove(resource, live, options = {}) {
      checkPreconditions(resource, live, options);
      const object = dying(resource, live, options);
      const gone = isReleased(object);
      if (options.dryRun === true) return { object, gone };
      if (gone) return { object: store.write("DELETED", resource, object), gone };
      return { object: equal(object, live) ? live : store.write("MODIFIED", resource, object), gone };
    },
  };
}

const uidOfNobody = (uid: string): string =>
  `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;

function requireNamespace(store: Store, resource: Resource, namespace: string, name: string): void {
  const found = store.get(resources.namespaces, undefined, namespace);
  if (found === undefined) throw notFound(resources.namespaces, namespace);
  if (found.metadata.deletionTimestamp !== undefined)
    throw forbidden(
      resource,
      name,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
    );
}

function refuse(resource: Resource, object: KubeObject, before: KubeObject | undefined): void {
  const causes = validate(resource, object, before);
  if (causes.length > 0) throw invalid(resource, object.metadata.name, causes);
}

function managerId(resource: Resource, operation: string, { manager, subresource }: WriteOptions): ManagerId {
  return {
    manager,
    operation,
    apiVersion: groupVersion(resource),
    ...(subresource === undefined ? {} : { subresource }),
  };
}

function tracked(resource: Resource, before: KubeObject | undefined, after: KubeObject, options: WriteOptions) {
  return trackUpdate(before, after, managerId(resource, "Update", options), schemaOf(resource.model), timestamp());
}

/** Refuses what may not stand, and raises the generation where something new is wanted. */
function settleSpec(resource: Resource, live: KubeObject, object: KubeObject): void {
  refuse(resource, object, live);
  const annotated =
    resource.kind === "Deployment" && !equal(live.metadata.annotations ?? {}, object.metadata.annotations ?? {});
  if (resource.generation && (annotated || !equal(live["spec"], object["spec"])))
    object.metadata.generation = (live.metadata.generation ?? 0) + 1;
}

/** An object without what does not make a write worth storing. */
function comparable(object: KubeObject): JsonObject {
  const managers = (object.metadata.managedFields ?? []).map(({ time: _, ...entry }) => entry);
  return { ...object, metadata: { ...object.metadata, managedFields: managers, resourceVersion: "" } };
}
