import type { Pod, ReplicaSet, ReplicaSetStatus } from "../objects.ts";
import { resources } from "../resources.ts";
import { StatusError } from "../status-error.ts";
import type { Change } from "../store.ts";
import { byLeastLoss, isActive, isReady, untilAvailable } from "./pods.ts";
import {
  CONTROLLER,
  type ControllerContext,
  controlledBy,
  controllerOf,
  controllerReference,
  recordEvent,
  saveStatus,
} from "./recorder.ts";
import { createWorkQueue, type WorkQueue } from "./work-queue.ts";

const component = "replicaset-controller";

/** Keeps as many pods as each ReplicaSet wants; counts only pods it made itself. */
export function startReplicaSetController({ operations, failed }: ControllerContext): () => void {
  const { store } = operations;
  const queue: WorkQueue = createWorkQueue({
    sync,
    failed: (error, key) => failed(component, error, key),
    isUrgent: hasTooMany,
  });

  function sync(namespace: string, name: string): void {
    const replicaSet = store.get(resources.replicasets, namespace, name);
    if (replicaSet === undefined || replicaSet.metadata.deletionTimestamp !== undefined) return;
    const pods = activePods(replicaSet);
    const missing = replicaSet.spec.replicas - pods.length;
    for (let i = 0; i < missing; i += 1) createPod(replicaSet);
    for (const pod of pods.sort(byLeastLoss).slice(0, Math.max(0, -missing))) deletePod(replicaSet, pod);
    const live = store.get(resources.replicasets, namespace, name);
    if (live !== undefined) updateStatus(live);
  }

  /** Pods to lose go before pods to make: an update never shows more pods than its surge allows. */
  function hasTooMany(namespace: string, name: string): boolean {
    const replicaSet = store.get(resources.replicasets, namespace, name);
    return replicaSet !== undefined && activePods(replicaSet).length > replicaSet.spec.replicas;
  }

  const activePods = (owner: ReplicaSet): Pod[] =>
    controlledBy(store.list(resources.pods, owner.metadata.namespace), owner).filter(isActive);

  function createPod(owner: ReplicaSet): void {
    const { metadata, spec } = owner.spec.template;
    const { labels = {}, annotations } = metadata ?? {};
    const draft = {
      metadata: {
        generateName: `${owner.metadata.name}-`,
        labels,
        ...(annotations === undefined ? {} : { annotations }),
        ownerReferences: [controllerReference(owner)],
      },
      spec,
    };
    try {
      const pod = operations.create(resources.pods, owner.metadata.namespace, draft, CONTROLLER);
      tell(owner, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
    } catch (error) {
      if (!(error instanceof StatusError && error.code === 403))
        tell(owner, "Warning", "FailedCreate", `Error creating: ${String(error)}`);
      throw error;
    }
  }

  function deletePod(owner: ReplicaSet, pod: Pod): void {
    operations.remove(resources.pods, pod);
    tell(owner, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
  }

  const tell = (owner: ReplicaSet, type: "Normal" | "Warning", reason: string, message: string): void =>
    recordEvent(operations, owner, { type, reason, message, component });

  function updateStatus(replicaSet: ReplicaSet): void {
    const { minReadySeconds = 0 } = replicaSet.spec;
    const pods = activePods(replicaSet);
    const ready = pods.filter(isReady).length;
    const waits = pods.flatMap((pod) => untilAvailable(pod, minReadySeconds) ?? []);
    const available = waits.filter((wait) => wait === 0).length;
    const status: ReplicaSetStatus = {
      replicas: pods.length,
      ...(pods.length > 0 ? { fullyLabeledReplicas: pods.length } : {}),
      ...(ready > 0 ? { readyReplicas: ready } : {}),
      ...(available > 0 ? { availableReplicas: available } : {}),
      observedGeneration: replicaSet.metadata.generation ?? 1,
    };
    saveStatus(operations, resources.replicasets, replicaSet, status);
    const next = waits.filter((wait) => wait > 0);
    if (next.length > 0) queue.addAfter(replicaSet.metadata.namespace, replicaSet.metadata.name, Math.min(...next) + 1);
  }

  const unsubscribe = store.subscribe(({ resource, object, type }: Change) => {
    const { namespace, name } = object.metadata;
    if (resource === resources.replicasets && type !== "DELETED") queue.add(namespace, name);
    const owner = resource === resources.pods ? controllerOf(object) : undefined;
    if (owner?.kind === "ReplicaSet") queue.add(namespace, owner.name);
  });
  return () => {
    unsubscribe();
    queue.close();
  };
}
