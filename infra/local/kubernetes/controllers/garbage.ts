import type { KubeObject, Namespace } from "../objects.ts";
import type { Operations } from "../operations.ts";
import { allResources, type Resource, resources } from "../resources.ts";
import type { Change } from "../store.ts";
import { CONTROLLER, type ControllerContext } from "./recorder.ts";
import { createWorkQueue } from "./work-queue.ts";

const component = "garbage-collector";

/** Deletes what belongs to deleted owners, empties deleted namespaces, and gives new namespaces their ServiceAccount. */
export function startGarbageCollector({ operations, failed }: ControllerContext): () => void {
  const { store } = operations;
  // Keys of this queue are uids: of owners that are gone or going.
  const owners = createWorkQueue({
    sync: (_, uid) => collect(operations, uid),
    failed: (error, key) => failed(component, error, key),
  });
  const namespaces = createWorkQueue({
    sync: (_, name) => syncNamespace(name),
    failed: (error, key) => failed("namespace-controller", error, key),
  });

  function syncNamespace(name: string): void {
    const namespace = store.get(resources.namespaces, undefined, name);
    if (namespace === undefined) return;
    if (namespace.metadata.deletionTimestamp !== undefined) empty(namespace);
    else if (store.get(resources.serviceaccounts, name, "default") === undefined)
      operations.create(resources.serviceaccounts, name, { metadata: { name: "default" } }, CONTROLLER);
  }

  function empty(namespace: Namespace): void {
    const { name } = namespace.metadata;
    const content = contentOf(name);
    for (const [resource, object] of content)
      if (object.metadata.deletionTimestamp === undefined) operations.remove(resource, object);
    const live = store.get(resources.namespaces, undefined, name);
    if (live === undefined || contentOf(name).length > 0) return;
    operations.update(resources.namespaces, live, { ...live, spec: { ...live.spec, finalizers: [] } }, CONTROLLER);
  }

  const contentOf = (namespace: string): [Resource, KubeObject][] =>
    allResources
      .filter(({ namespaced }) => namespaced)
      .flatMap((resource) =>
        store.list(resource, namespace).map((object): [Resource, KubeObject] => [resource, object]),
      );

  const unsubscribe = store.subscribe((change) => {
    for (const uid of ownersToLookAt(change)) owners.add(undefined, uid);
    const { namespace, name } = change.object.metadata;
    if (change.resource === resources.namespaces) namespaces.add(undefined, name);
    else if (namespace !== undefined && change.type === "DELETED") namespaces.add(undefined, namespace);
  });
  return () => {
    unsubscribe();
    owners.close();
    namespaces.close();
  };
}

/** The object itself when it goes; its owners when it comes or goes: they may be gone already, or be waiting for it. */
function ownersToLookAt({ type, object }: Change): string[] {
  const { uid, ownerReferences = [], deletionTimestamp } = object.metadata;
  const itself = type === "DELETED" || deletionTimestamp !== undefined ? [uid] : [];
  return type === "MODIFIED" ? itself : [...itself, ...ownerReferences.map((owner) => owner.uid)];
}

type Found = [Resource, KubeObject];

function collect(operations: Operations, uid: string): void {
  const all: Found[] = allResources.flatMap((resource) =>
    operations.store.list(resource).map((object): Found => [resource, object]),
  );
  const owner = all.find(([, object]) => object.metadata.uid === uid);
  const dependents = dependentsOf(uid, all);
  if (owner === undefined) {
    removeAll(operations, dependents, all);
    return;
  }
  const { finalizers = [] } = owner[1].metadata;
  if (finalizers.includes("orphan")) orphan(operations, owner, dependents, uid);
  else if (finalizers.includes("foregroundDeletion")) foreground(operations, owner, dependents, all);
}

/** A dependent goes when none of its owners is left; what is waited for, and has dependents itself, waits for those. */
function removeAll(operations: Operations, dependents: readonly Found[], all: readonly Found[], awaited = false): void {
  const living = new Set(all.map(([, { metadata }]) => metadata.uid));
  for (const [resource, object] of dependents) {
    const { uid, ownerReferences = [], deletionTimestamp } = object.metadata;
    if (deletionTimestamp !== undefined || ownerReferences.some((owner) => living.has(owner.uid))) continue;
    const propagationPolicy = awaited && dependentsOf(uid, all).length > 0 ? "Foreground" : "Background";
    operations.remove(resource, object, { propagationPolicy });
  }
}

const dependentsOf = (uid: string, all: readonly Found[]): Found[] =>
  all.filter(([, { metadata }]) => metadata.ownerReferences?.some((owner) => owner.uid === uid));

function orphan(operations: Operations, owner: Found, dependents: readonly Found[], uid: string): void {
  for (const [resource, object] of dependents) {
    const ownerReferences = (object.metadata.ownerReferences ?? []).filter((reference) => reference.uid !== uid);
    operations.update(resource, object, { ...object, metadata: { ...object.metadata, ownerReferences } }, CONTROLLER);
  }
  release(operations, owner, "orphan");
}

function foreground(operations: Operations, owner: Found, dependents: readonly Found[], all: readonly Found[]): void {
  const others = all.filter((found) => found !== owner);
  if (dependents.length === 0) release(operations, owner, "foregroundDeletion");
  else removeAll(operations, dependents, others, true);
}

function release(operations: Operations, [resource, object]: Found, finalizer: string): void {
  const finalizers = (object.metadata.finalizers ?? []).filter((other) => other !== finalizer);
  operations.update(resource, object, { ...object, metadata: { ...object.metadata, finalizers } }, CONTROLLER);
}
