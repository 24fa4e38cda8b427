import { equal } from "../json.ts";
import type { Deployment, DeploymentStatus, KubeObject, Pod, ReplicaSet } from "../objects.ts";
import { resources } from "../resources.ts";
import {
  calculateStatus,
  isComplete,
  progressing,
  setCondition,
  untilDeadline,
  withProgress,
} from "./deployment-status.ts";
import { hasEnded } from "./pods.ts";
import { CONTROLLER, type ControllerContext, controlledBy, controllerOf, recordEvent, saveStatus } from "./recorder.ts";
import {
  active,
  bounds,
  counted,
  DESIRED,
  MAXIMUM,
  maxUnavailable,
  newSetReplicas,
  proportionalSizes,
  wanted,
} from "./replica-counts.ts";
import { byAge, draftSet, findNewSet, REVISION, renewedAnnotations, revisionOf } from "./revisions.ts";
import { createWorkQueue, type WorkQueue } from "./work-queue.ts";

const component = "deployment-controller";

/** A set that still reports pods it was told to give up; counting those as available would take too many from the others. */
function isBehind({ spec, status }: ReplicaSet): boolean {
  return (status?.availableReplicas ?? 0) > spec.replicas;
}

/** The new ReplicaSet, if there is one, and the others. */
interface Sets {
  current: ReplicaSet | undefined;
  old: ReplicaSet[];
}

/** Rolls Deployments out by scaling ReplicaSets, as pkg/controller/deployment of Kubernetes does. */
export function startDeploymentController({ operations, failed }: ControllerContext): () => void {
  const { store } = operations;
  const queue: WorkQueue = createWorkQueue({ sync, failed: (error, key) => failed(component, error, key) });

  function sync(namespace: string, name: string): void {
    const found = store.get(resources.deployments, namespace, name);
    if (found === undefined || found.metadata.deletionTimestamp !== undefined) return;
    const deployment = markPaused(found);
    const sets = setsOf(deployment);
    if (deployment.spec.paused === true || isScaling(deployment, sets)) scaleOnly(deployment, sets);
    else if (deployment.spec.strategy.type === "Recreate") recreate(deployment, sets);
    else roll(deployment, sets);
  }

  function setsOf(deployment: Deployment): Sets {
    const all = byAge(controlledBy(store.list(resources.replicasets, deployment.metadata.namespace), deployment));
    const current = findNewSet(deployment, all);
    const old = all.filter((set) => set !== current);
    return { current: current === undefined ? undefined : renew(deployment, current, old), old };
  }

  function renew(deployment: Deployment, current: ReplicaSet, old: readonly ReplicaSet[]): ReplicaSet {
    const annotations = renewedAnnotations(deployment, current, old);
    const { minReadySeconds } = deployment.spec;
    const same = equal(annotations, current.metadata.annotations) && current.spec.minReadySeconds === minReadySeconds;
    const spec = { ...current.spec, ...(minReadySeconds === undefined ? {} : { minReadySeconds }) };
    const draft = { ...current, metadata: { ...current.metadata, annotations }, spec };
    const renewed = same ? current : operations.update(resources.replicasets, current, draft, CONTROLLER);
    if (progressing(deployment.status?.conditions) === undefined)
      announce(deployment, "FoundNewReplicaSet", `Found new replica set "${current.metadata.name}"`);
    setRevision(deployment, revisionOf(renewed));
    return renewed;
  }

  function createSet(deployment: Deployment, old: readonly ReplicaSet[]): ReplicaSet {
    const draft = draftSet(deployment, old);
    const set = operations.create(resources.replicasets, deployment.metadata.namespace, draft, CONTROLLER);
    const { name } = set.metadata;
    if (set.spec.replicas > 0) tellScaled(deployment, `Scaled up replica set ${name} from 0 to ${set.spec.replicas}`);
    setRevision(deployment, revisionOf(set));
    announce(deployment, "NewReplicaSetCreated", `Created new replica set "${name}"`);
    return set;
  }

  const latest = (deployment: Deployment): Deployment =>
    store.get(resources.deployments, deployment.metadata.namespace, deployment.metadata.name) ?? deployment;

  /** Written through /status, so that the generation does not rise. */
  function setRevision(deployment: Deployment, revision: number): void {
    const live = latest(deployment);
    if (live.metadata.annotations?.[REVISION] === String(revision)) return;
    const annotations = { ...live.metadata.annotations, [REVISION]: String(revision) };
    const draft = { ...live, metadata: { ...live.metadata, annotations } };
    operations.update(resources.deployments, live, draft, { ...CONTROLLER, subresource: "status" });
  }

  function announce(deployment: Deployment, reason: string, message: string, status = "True"): Deployment {
    const live = latest(deployment);
    const conditions = setCondition(live.status?.conditions ?? [], { type: "Progressing", status, reason, message });
    return saveStatus(operations, resources.deployments, live, { ...live.status, conditions });
  }

  function markPaused(deployment: Deployment): Deployment {
    const reason = progressing(deployment.status?.conditions)?.reason;
    if (reason === "ProgressDeadlineExceeded") return deployment;
    const isMarked = reason === "DeploymentPaused";
    if (deployment.spec.paused === true && !isMarked)
      return announce(deployment, "DeploymentPaused", "Deployment is paused", "Unknown");
    if (deployment.spec.paused !== true && isMarked)
      return announce(deployment, "DeploymentResumed", "Deployment is resumed", "Unknown");
    return deployment;
  }

  const everyOne = ({ current, old }: Sets): ReplicaSet[] => (current === undefined ? old : [...old, current]);

  function isScaling({ spec }: Deployment, sets: Sets): boolean {
    return active(everyOne(sets)).some(({ metadata }) => {
      const desired = metadata.annotations?.[DESIRED];
      return desired !== undefined && Number(desired) !== spec.replicas;
    });
  }

  function scaleOnly(deployment: Deployment, sets: Sets): void {
    distribute(deployment, sets);
    if (deployment.spec.paused === true) prune(deployment, sets.old);
    finish(deployment, false);
  }

  function distribute(deployment: Deployment, sets: Sets): void {
    for (const [set, size] of sizesFor(deployment, sets)) scale(deployment, set, size);
  }

  function sizesFor(deployment: Deployment, sets: Sets): Iterable<[ReplicaSet, number]> {
    const running = active(everyOne(sets));
    const [only = sets.current ?? sets.old.at(-1)] = running;
    if (running.length <= 1) return only === undefined ? [] : [[only, deployment.spec.replicas]];
    if (isSaturated(deployment, sets.current)) return active(sets.old).map((set) => [set, 0]);
    return deployment.spec.strategy.type === "RollingUpdate" ? proportionalSizes(deployment, running) : [];
  }

  function isSaturated({ spec }: Deployment, current: ReplicaSet | undefined): boolean {
    const desired = Number(current?.metadata.annotations?.[DESIRED] ?? Number.NaN);
    return (
      current?.spec.replicas === spec.replicas &&
      desired === spec.replicas &&
      current.status?.availableReplicas === spec.replicas
    );
  }

  /** Scales a set and notes the wanted numbers on it; says whether its size changed. */
  function scale(deployment: Deployment, set: ReplicaSet, size: number): boolean {
    const { replicas } = deployment.spec;
    const noted = { [DESIRED]: String(replicas), [MAXIMUM]: String(replicas + bounds(deployment).surge) };
    const live = store.get(resources.replicasets, set.metadata.namespace, set.metadata.name) ?? set;
    const annotations = { ...live.metadata.annotations, ...noted };
    const from = live.spec.replicas;
    const draft = { ...live, metadata: { ...live.metadata, annotations }, spec: { ...live.spec, replicas: size } };
    operations.update(resources.replicasets, live, draft, CONTROLLER);
    if (from === size) return false;
    const direction = size > from ? "up" : "down";
    tellScaled(deployment, `Scaled ${direction} replica set ${set.metadata.name} from ${from} to ${size}`);
    return true;
  }

  const tellScaled = (deployment: Deployment, message: string): void =>
    recordEvent(operations, deployment, { type: "Normal", reason: "ScalingReplicaSet", message, component });

  function roll(deployment: Deployment, { current, old }: Sets): void {
    const newest = current ?? createSet(deployment, old);
    if (!growNewest(deployment, newest, old) && !shrinkOld(deployment, newest, old)) pruneIfComplete(deployment, old);
    finish(deployment, true);
  }

  function growNewest(deployment: Deployment, newest: ReplicaSet, old: readonly ReplicaSet[]): boolean {
    const { replicas } = deployment.spec;
    const present = newest.spec.replicas;
    if (present === replicas) return false;
    const size = present > replicas ? replicas : newSetReplicas(deployment, [...old, newest], present);
    return size !== present && scale(deployment, newest, size);
  }

  /** Unhealthy old pods first, then as many healthy ones as may be missed. */
  function shrinkOld(deployment: Deployment, newest: ReplicaSet, old: readonly ReplicaSet[]): boolean {
    const minAvailable = deployment.spec.replicas - maxUnavailable(deployment);
    const pending = newest.spec.replicas - counted([newest], "availableReplicas");
    const spare = wanted([...old, newest]) - minAvailable - pending;
    if (wanted(old) === 0 || spare <= 0 || active(old).some(isBehind)) return false;
    const unhealthy = shrink(
      deployment,
      old,
      spare,
      ({ spec, status }) => spec.replicas - (status?.availableReplicas ?? 0),
    );
    const left = old.map((set) => store.get(resources.replicasets, set.metadata.namespace, set.metadata.name) ?? set);
    const missable = counted([...left, newest], "availableReplicas") - minAvailable;
    return shrink(deployment, left, missable, ({ spec }) => spec.replicas) + unhealthy > 0;
  }

  function shrink(
    deployment: Deployment,
    sets: readonly ReplicaSet[],
    budget: number,
    removable: (set: ReplicaSet) => number,
  ): number {
    let taken = 0;
    for (const set of sets) {
      const count = Math.min(budget - taken, removable(set));
      if (count <= 0) continue;
      scale(deployment, set, set.spec.replicas - count);
      taken += count;
    }
    return taken;
  }

  function recreate(deployment: Deployment, { current, old }: Sets): void {
    const shrunk = active(old).map((set) => scale(deployment, set, 0));
    if (shrunk.length === 0 && !old.some(hasPods)) {
      scale(deployment, current ?? createSet(deployment, old), deployment.spec.replicas);
      pruneIfComplete(deployment, old);
    }
    finish(deployment, true);
  }

  const hasPods = (set: ReplicaSet): boolean =>
    controlledBy(store.list(resources.pods, set.metadata.namespace), set).some((pod: Pod) => !hasEnded(pod));

  function pruneIfComplete(deployment: Deployment, old: readonly ReplicaSet[]): void {
    if (isComplete(deployment, deployment.status)) prune(deployment, old);
  }

  function prune({ spec }: Deployment, old: readonly ReplicaSet[]): void {
    const excess = old.length - spec.revisionHistoryLimit;
    if (excess <= 0) return;
    const oldest = [...old].sort((a, b) => revisionOf(a) - revisionOf(b)).slice(0, excess);
    const idle = (set: ReplicaSet) => set.spec.replicas === 0 && (set.status?.replicas ?? 0) === 0;
    for (const set of oldest.filter(idle)) operations.remove(resources.replicasets, set);
  }

  function finish(deployment: Deployment, rolling: boolean): void {
    const live = latest(deployment);
    const all = controlledBy(store.list(resources.replicasets, live.metadata.namespace), live);
    const current = findNewSet(live, all);
    const counts: DeploymentStatus = calculateStatus(live, all, current);
    const status = rolling ? withProgress(live, counts, current) : counts;
    saveStatus(operations, resources.deployments, live, status);
    const left = rolling ? untilDeadline(live, progressing(status.conditions)) : undefined;
    if (left !== undefined && left > 0) queue.addAfter(live.metadata.namespace, live.metadata.name, left + 1);
  }

  const unsubscribe = store.subscribe(({ resource, object, type }) => {
    const { namespace, name } = object.metadata;
    if (resource === resources.deployments && type !== "DELETED") queue.add(namespace, name);
    const owner = resource === resources.replicasets ? controllerOf(object) : undefined;
    if (owner?.kind === "Deployment") queue.add(namespace, owner.name);
    // Recreate waits for the last old pod to be gone, which no ReplicaSet tells.
    if (resource === resources.pods && type === "DELETED") queueOwnerOfPod(object);
  });

  function queueOwnerOfPod(pod: KubeObject): void {
    const { namespace } = pod.metadata;
    const set = store.get(resources.replicasets, namespace, controllerOf(pod)?.name ?? "");
    const owner = set === undefined ? undefined : controllerOf(set);
    if (owner?.kind === "Deployment") queue.add(namespace, owner.name);
  }

  return () => {
    unsubscribe();
    queue.close();
  };
}
