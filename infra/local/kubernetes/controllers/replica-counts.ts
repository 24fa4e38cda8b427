import type { Deployment, ReplicaSet } from "../objects.ts";

// The arithmetic of the Deployment controller: pkg/controller/deployment/util/deployment_util.go of Kubernetes.

/** Annotation on a ReplicaSet: how many replicas the Deployment wanted when it was last scaled. */
export const DESIRED = "deployment.kubernetes.io/desired-replicas";
/** Annotation on a ReplicaSet: that number and the surge. */
export const MAXIMUM = "deployment.kubernetes.io/max-replicas";

/** How many pods above and below the wanted number an update may go; never both zero. */
export function bounds({ spec }: Deployment): { surge: number; unavailable: number } {
  const { type, rollingUpdate } = spec.strategy;
  if (type !== "RollingUpdate" || rollingUpdate === undefined) return { surge: 0, unavailable: 0 };
  const surge = scaled(rollingUpdate.maxSurge, spec.replicas, Math.ceil);
  const unavailable = scaled(rollingUpdate.maxUnavailable, spec.replicas, Math.floor);
  if (surge === 0 && unavailable === 0) return { surge, unavailable: 1 };
  return { surge, unavailable };
}

/** As `bounds`, but not more than there are pods wanted. */
export function maxUnavailable(deployment: Deployment): number {
  return Math.min(bounds(deployment).unavailable, deployment.spec.replicas);
}

function scaled(value: number | string, total: number, round: (exact: number) => number): number {
  return typeof value === "number" ? value : round((Number.parseInt(value, 10) * total) / 100);
}

/** Replicas the sets are asked for. */
export function wanted(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, { spec }) => sum + spec.replicas, 0);
}

/** A count of the sets' statuses. */
export function counted(
  sets: readonly ReplicaSet[],
  count: "replicas" | "readyReplicas" | "availableReplicas",
): number {
  return sets.reduce((sum, { status }) => sum + (status?.[count] ?? 0), 0);
}

/** The sets that are asked for pods. */
export function active(sets: readonly ReplicaSet[]): ReplicaSet[] {
  return sets.filter(({ spec }) => spec.replicas > 0);
}

/** How many replicas the new set may have now. */
export function newSetReplicas(deployment: Deployment, all: readonly ReplicaSet[], current: number): number {
  const { replicas, strategy } = deployment.spec;
  if (strategy.type !== "RollingUpdate") return replicas;
  const room = replicas + bounds(deployment).surge - wanted(all);
  return room <= 0 ? current : current + Math.min(room, replicas - current);
}

/** The sizes active sets get when the Deployment is scaled in the middle of an update: each its share. */
export function proportionalSizes(deployment: Deployment, sets: readonly ReplicaSet[]): Map<ReplicaSet, number> {
  const { replicas } = deployment.spec;
  const allowed = replicas > 0 ? replicas + bounds(deployment).surge : 0;
  const toAdd = allowed - wanted(sets);
  const age = (set: ReplicaSet) => Date.parse(set.metadata.creationTimestamp);
  const newerFirst = toAdd > 0 ? 1 : -1;
  const order = [...sets].sort((a, b) => b.spec.replicas - a.spec.replicas || (age(b) - age(a)) * newerFirst);
  const sizes = new Map<ReplicaSet, number>();
  let added = 0;
  for (const set of order) {
    const part = toAdd === 0 ? 0 : proportion(deployment, set, toAdd - added);
    sizes.set(set, set.spec.replicas + part);
    added += part;
  }
  const [largest] = order;
  if (largest !== undefined && toAdd !== 0) sizes.set(largest, Math.max(0, (sizes.get(largest) ?? 0) + toAdd - added));
  return sizes;
}

function proportion(deployment: Deployment, set: ReplicaSet, left: number): number {
  if (left === 0) return 0;
  const share = fraction(deployment, set);
  return left > 0 ? Math.min(share, left) : Math.max(share, left);
}

function fraction(deployment: Deployment, { metadata, spec }: ReplicaSet): number {
  const { replicas } = deployment.spec;
  if (replicas === 0) return -spec.replicas;
  const before = Number(metadata.annotations?.[MAXIMUM] ?? deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  return Math.round((spec.replicas * (replicas + bounds(deployment).surge)) / before) - spec.replicas;
}
