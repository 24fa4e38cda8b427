import type { DeploymentSpec } from "./deployment-spec.ts";
import { countPods, type DeploymentStatus, isAvailable, isReady, type PodSet, type Progress } from "./workload.ts";

/** What is counted in the pods as they are. */
export function countedStatus(
  spec: DeploymentSpec,
  generation: number,
  sets: readonly PodSet[],
  current: PodSet | undefined,
  time: number,
): Omit<DeploymentStatus, "progress"> {
  return {
    observedGeneration: generation,
    replicas: countPods(sets),
    updatedReplicas: current?.pods.length ?? 0,
    readyReplicas: countPods(sets, isReady),
    availableReplicas: countPods(sets, isAvailable(spec, time)),
  };
}

/** The condition after this; one with the same status and reason stays as it is. */
export function setProgress(before: Progress | undefined, fresh: Progress): Progress {
  return before?.status === fresh.status && before.reason === fresh.reason ? before : fresh;
}

/** The Progressing condition brought up to date, in the order in which upstream decides it (progress.go). */
export function progressOf(
  spec: DeploymentSpec,
  before: DeploymentStatus,
  after: Omit<DeploymentStatus, "progress">,
  subject: string,
  time: number,
): Progress | undefined {
  const { progress } = before;
  if (after.replicas === after.updatedReplicas && progress?.reason === "NewReplicaSetAvailable") return progress;
  if (isComplete(spec, after))
    return setProgress(progress, {
      ...{ status: "True", reason: "NewReplicaSetAvailable", updatedAt: time },
      message: `${subject} has successfully progressed.`,
    });
  // Set anew although nothing but the time may differ: the deadline counts from here.
  if (hasProgressed(before, after))
    return { status: "True", reason: "ReplicaSetUpdated", message: `${subject} is progressing.`, updatedAt: time };
  const until = deadlineOf(spec, progress);
  if (until === undefined || time < until) return progress;
  return setProgress(progress, {
    ...{ status: "False", reason: "ProgressDeadlineExceeded", updatedAt: time },
    message: `${subject} has timed out progressing.`,
  });
}

/** Every pod is of the new template and available. */
export function isComplete(spec: DeploymentSpec, status: Omit<DeploymentStatus, "progress">): boolean {
  const { updatedReplicas, replicas, availableReplicas } = status;
  return updatedReplicas === spec.replicas && replicas === spec.replicas && availableReplicas === spec.replicas;
}

function hasProgressed(before: DeploymentStatus, after: Omit<DeploymentStatus, "progress">): boolean {
  return (
    after.updatedReplicas > before.updatedReplicas ||
    after.replicas - after.updatedReplicas < before.replicas - before.updatedReplicas ||
    after.readyReplicas > before.readyReplicas ||
    after.availableReplicas > before.availableReplicas
  );
}

/** When the deadline to make progress passes; undefined when none runs, or it has passed. */
export function deadlineOf({ deadlineMs }: DeploymentSpec, progress: Progress | undefined): number | undefined {
  if (progress === undefined || progress.reason === "NewReplicaSetAvailable") return undefined;
  return progress.reason === "ProgressDeadlineExceeded" ? undefined : progress.updatedAt + deadlineMs;
}
