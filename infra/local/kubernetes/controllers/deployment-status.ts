import type { Condition, Deployment, DeploymentStatus, ReplicaSet } from "../objects.ts";
import { timestamp } from "../time.ts";
import { counted, maxUnavailable, wanted } from "./replica-counts.ts";

/** Puts a condition among others; one with the same status and reason stays as it is. */
export function setCondition(conditions: readonly Condition[], fresh: Omit<Condition, "lastUpdateTime">): Condition[] {
  const now = timestamp();
  const { type, status, reason, message } = fresh;
  const before = conditions.find((condition) => condition.type === type);
  const sameStatus = before !== undefined && before.status === status;
  if (sameStatus && before.reason === reason) return [...conditions];
  const lastTransitionTime = sameStatus ? (before.lastTransitionTime ?? now) : now;
  const next: Condition = {
    ...{ type: String(type), status: String(status), lastUpdateTime: now, lastTransitionTime },
  };
  Object.assign(next, { reason, message });
  return [...conditions.filter((condition) => condition !== before), next];
}

/** The Progressing condition of a Deployment. */
export function progressing(conditions: readonly Condition[] | undefined): Condition | undefined {
  return conditions?.find(({ type }) => type === "Progressing");
}

/** Counts and the Available condition, as seen in the ReplicaSets. */
export function calculateStatus(
  deployment: Deployment,
  all: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
): DeploymentStatus {
  const available = counted(all, "availableReplicas");
  const counts = {
    replicas: counted(all, "replicas"),
    updatedReplicas: counted(current === undefined ? [] : [current], "replicas"),
    readyReplicas: counted(all, "readyReplicas"),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, wanted(all) - available),
  };
  const enough = available >= deployment.spec.replicas - maxUnavailable(deployment);
  const conditions = setCondition(deployment.status?.conditions ?? [], {
    type: "Available",
    status: enough ? "True" : "False",
    reason: enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
    message: `Deployment ${enough ? "has" : "does not have"} minimum availability.`,
  });
  const { collisionCount } = deployment.status ?? {};
  return {
    ...(collisionCount === undefined ? {} : { collisionCount }),
    observedGeneration: deployment.metadata.generation ?? 1,
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    conditions,
  };
}

/** Every pod is of the new template and available. */
export function isComplete({ spec, metadata }: Deployment, status: DeploymentStatus | undefined): boolean {
  const counts = [status?.updatedReplicas, status?.replicas, status?.availableReplicas];
  const observed = status?.observedGeneration ?? 0;
  return counts.every((count = 0) => count === spec.replicas) && observed >= (metadata.generation ?? 1);
}

/** The status with its Progressing condition brought up to date, in the order upstream decides it. */
export function withProgress(
  deployment: Deployment,
  status: DeploymentStatus,
  current: ReplicaSet | undefined,
): DeploymentStatus {
  const before = progressing(deployment.status?.conditions);
  const settled =
    (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && before?.reason === "NewReplicaSetAvailable";
  if (settled) return status;
  const conditions = status.conditions ?? [];
  const subject =
    current === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${current.metadata.name}"`;
  const set = (to: "True" | "False", reason: string, what: string, from = conditions): DeploymentStatus => ({
    ...status,
    conditions: setCondition(from, { type: "Progressing", status: to, reason, message: `${subject} ${what}` }),
  });
  if (isComplete(deployment, status)) return set("True", "NewReplicaSetAvailable", "has successfully progressed.");
  if (hasProgressed(deployment.status ?? {}, status)) {
    // Set anew although nothing but the time may differ: the deadline counts from here.
    const others = conditions.filter(({ type }) => type !== "Progressing");
    const next = set("True", "ReplicaSetUpdated", "is progressing.", others);
    return keepTransition(next, before);
  }
  if (untilDeadline(deployment, progressing(conditions)) === 0)
    return set("False", "ProgressDeadlineExceeded", "has timed out progressing.");
  return status;
}

function keepTransition(status: DeploymentStatus, before: Condition | undefined): DeploymentStatus {
  if (before?.status !== "True" || before.lastTransitionTime === undefined) return status;
  const { lastTransitionTime } = before;
  const conditions = (status.conditions ?? []).map((condition) =>
    condition.type === "Progressing" ? { ...condition, lastTransitionTime } : condition,
  );
  return { ...status, conditions };
}

function hasProgressed(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const old = ({ replicas = 0, updatedReplicas = 0 }: DeploymentStatus) => replicas - updatedReplicas;
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(after) < old(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

/** Milliseconds left to make progress: 0 when there are none, undefined when no deadline runs. */
export function untilDeadline({ spec }: Deployment, condition: Condition | undefined): number | undefined {
  if (condition === undefined || condition.reason === "NewReplicaSetAvailable") return undefined;
  if (condition.reason === "ProgressDeadlineExceeded") return 0;
  // The condition's time has whole seconds; counting from the end of its second never cuts a deadline short.
  const from = Date.parse(condition.lastUpdateTime ?? "") + 999;
  return Math.max(0, from + spec.progressDeadlineSeconds * 1000 - Date.now());
}
