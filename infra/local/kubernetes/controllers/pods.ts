import type { Pod } from "../objects.ts";

/** The pod's readiness condition is True. */
export function isReady(pod: Pod): boolean {
  return readyCondition(pod)?.status === "True";
}

const readyCondition = (pod: Pod) => pod.status?.conditions?.find(({ type }) => type === "Ready");

/** Neither ended nor being deleted. */
export function isActive(pod: Pod): boolean {
  return !hasEnded(pod) && pod.metadata.deletionTimestamp === undefined;
}

/** All its containers have stopped for good. */
export function hasEnded(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

/** Milliseconds until a ready pod counts as available: 0 when it does, undefined when it is not ready. */
export function untilAvailable(pod: Pod, minReadySeconds: number): number | undefined {
  const condition = readyCondition(pod);
  if (condition?.status !== "True") return undefined;
  if (minReadySeconds === 0) return 0;
  const since = Date.parse(condition.lastTransitionTime ?? "");
  return Number.isNaN(since) ? undefined : Math.max(0, since + minReadySeconds * 1000 - Date.now());
}

const PHASES = ["Pending", "Unknown", "Running"];

/** Sorts pods so that those to lose first come first: unassigned, not running, not ready, newest. */
export function byLeastLoss(a: Pod, b: Pod): number {
  return (
    Number(a.spec.nodeName !== undefined) - Number(b.spec.nodeName !== undefined) ||
    PHASES.indexOf(a.status?.phase ?? "Pending") - PHASES.indexOf(b.status?.phase ?? "Pending") ||
    Number(isReady(a)) - Number(isReady(b)) ||
    readySince(b) - readySince(a) ||
    restarts(b) - restarts(a) ||
    Date.parse(b.metadata.creationTimestamp) - Date.parse(a.metadata.creationTimestamp)
  );
}

const readySince = (pod: Pod): number =>
  isReady(pod) ? Date.parse(readyCondition(pod)?.lastTransitionTime ?? "") || 0 : 0;

const restarts = (pod: Pod): number =>
  Math.max(0, ...(pod.status?.containerStatuses ?? []).map(({ restartCount }) => restartCount));
