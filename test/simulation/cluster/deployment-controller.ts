import { between, type Random } from "./chance.ts";
import type { DeploymentSpec } from "./deployment-spec.ts";
import type { EventQueue } from "./event-queue.ts";
import { createSet, findSet, forgetOldest, renew, resizePods } from "./pod-sets.ts";
import type { Pods } from "./pods.ts";
import { isScaling, roll, scaleSets } from "./replica-sizes.ts";
import { countedStatus, deadlineOf, isComplete, progressOf, setProgress } from "./rollout-progress.ts";
import type { Store, Write } from "./store.ts";
import { createWorkload, type DeploymentStatus, type PodSet, specOfWorkload, type Workload } from "./workload.ts";

export interface ControllerDependencies {
  store: Store;
  queue: EventQueue;
  random: Random;
  pods: Pods;
  /** The longest time after a change until the controller sees it, milliseconds. */
  latestMs: number;
}

/** The Deployment controller with its ReplicaSets, and the garbage collector. */
export interface DeploymentController {
  workload(namespace: string, name: string): Workload | undefined;
  /** Tells of a pod of it that changed. */
  podChanged(workload: Workload, becameReady: boolean): void;
}

/** How soon after a change the controller sees it. */
const SOONEST_MS = 100;

export function createDeploymentController(dependencies: ControllerDependencies): DeploymentController {
  const { store, queue, random, pods, latestMs } = dependencies;
  const workloads = new Map<string, Workload>();
  let orders = 0;

  /** Looks at it after a while, once however often it is asked. */
  function wake(workload: Workload): void {
    workload.reconcile ??= queue.after(between(random, SOONEST_MS, latestMs), () => {
      workload.reconcile = undefined;
      if (workload.removed) collect(workload);
      else reconcile(workload);
    });
  }

  function reconcile(workload: Workload): void {
    const spec = specOfWorkload(workload);
    const { sets } = workload;
    const time = queue.time();
    const scaling = isScaling(spec, sets);
    const newest = scaling ? findSet(workload, spec) : newestSet(workload, spec);
    if (newest === undefined || scaling) scaleSets(spec, sets, newest, time);
    else roll(spec, sets, newest, time);
    // The status is of the pods as they are now: what the sizes lead to is seen at the next look.
    report(workload, spec, newest, !scaling);
    const changed = resizePods(workload, pods, scaling ? "scale" : "rollout");
    if (!changed && isComplete(spec, workload.status)) forgetOldest(workload, spec);
  }

  function newestSet(workload: Workload, spec: DeploymentSpec): PodSet {
    const found = findSet(workload, spec);
    const set = found ?? createSet(workload, spec, ++orders, random);
    renew(workload, set);
    if (found === undefined) announce(workload, set);
    return set;
  }

  function announce(workload: Workload, { name }: PodSet): void {
    const progress = setProgress(workload.status.progress, {
      ...{ status: "True", reason: "NewReplicaSetCreated", updatedAt: queue.time() },
      message: `Created new replica set "${name}"`,
    });
    workload.status = { ...workload.status, progress };
    store.bump(workload.stored);
  }

  function report(workload: Workload, spec: DeploymentSpec, newest: PodSet | undefined, rolling: boolean): void {
    const { stored, status: before } = workload;
    const time = queue.time();
    const counts = countedStatus(spec, stored.generation, workload.sets, newest, time);
    const subject = newest === undefined ? `Deployment "${stored.name}"` : `ReplicaSet "${newest.name}"`;
    const progress = rolling ? progressOf(spec, before, counts, subject, time) : before.progress;
    workload.status = { ...counts, progress };
    if (!isSameStatus(before, workload.status)) store.bump(stored);
    planDeadline(workload, spec);
  }

  function planDeadline(workload: Workload, spec: DeploymentSpec): void {
    const at = deadlineOf(spec, workload.status.progress);
    if (workload.deadline?.at === at) return;
    queue.cancel(workload.deadline);
    workload.deadline = at === undefined ? undefined : queue.after(at - queue.time(), () => wake(workload));
  }

  function collect({ sets }: Workload): void {
    for (const set of sets) for (const pod of [...set.pods]) pods.remove(pod, "delete");
  }

  function follow({ stored, before, after, by }: Write): void {
    if (stored.kind !== "Deployment") return;
    const key = `${stored.namespace}/${stored.name}`;
    const workload = workloads.get(key) ?? createWorkload(stored, by);
    if (after === undefined) {
      workload.removed = true;
      workloads.delete(key);
      queue.cancel(workload.deadline);
    } else {
      workloads.set(key, workload);
      if (before?.["spec"] !== after["spec"]) workload.specBy = by;
    }
    wake(workload);
  }

  store.onWrite(follow);
  return {
    workload: (namespace, name) => workloads.get(`${namespace}/${name}`),
    podChanged: (workload, becameReady) => {
      if (!workload.removed) wake(workload);
      const { minReadyMs } = specOfWorkload(workload);
      if (becameReady && minReadyMs > 0) queue.after(minReadyMs, () => wake(workload));
    },
  };
}

function isSameStatus(a: DeploymentStatus, b: DeploymentStatus): boolean {
  return (
    a.observedGeneration === b.observedGeneration &&
    a.replicas === b.replicas &&
    a.updatedReplicas === b.updatedReplicas &&
    a.readyReplicas === b.readyReplicas &&
    a.availableReplicas === b.availableReplicas &&
    a.progress === b.progress
  );
}
