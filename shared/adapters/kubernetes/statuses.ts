import type { z } from "zod";
import { readPodTemplate } from "../../domain/pod-template.ts";
import type { ContainerStatus, PodStatus, WorkloadStatus } from "../../domain/rollout-status.ts";
import type { deployment, Pod } from "./schemas.ts";

/** What the API server says about a Deployment, as far as a rollout needs it. */
export function toWorkloadStatus({ metadata, spec, status }: z.infer<typeof deployment>): WorkloadStatus {
  const progressing = status.conditions.find(({ type }) => type === "Progressing");
  return {
    name: metadata.name,
    generation: metadata.generation,
    observedGeneration: status.observedGeneration,
    specReplicas: spec.replicas,
    replicas: status.replicas,
    updatedReplicas: status.updatedReplicas,
    availableReplicas: status.availableReplicas,
    template: readPodTemplate(spec),
    ...(progressing === undefined ? {} : { progressing: { reason: progressing.reason, message: progressing.message } }),
  };
}

/** What the API server says about a pod. */
export function toPodStatus({ metadata, status }: Pod): PodStatus {
  const ready = status.conditions.some((condition) => condition.type === "Ready" && condition.status === "True");
  const isNew = status.containerStatuses.every(({ started, restartCount }) => started !== true && restartCount === 0);
  return {
    name: metadata.name,
    ready,
    starting: !ready && isNew,
    terminating: metadata.deletionTimestamp !== undefined,
    containers: [...status.initContainerStatuses, ...status.containerStatuses].map(toContainerStatus),
  };
}

function toContainerStatus({
  name,
  restartCount,
  state,
  lastState,
}: Pod["status"]["containerStatuses"][number]): ContainerStatus {
  const terminated = state.terminated ?? lastState.terminated;
  return {
    name,
    restarts: restartCount,
    ...(state.waiting === undefined ? {} : { waiting: state.waiting }),
    ...(terminated === undefined ? {} : { terminated }),
  };
}
