import type { PodTemplate } from "./pod-template.ts";
import { failed, type Problem } from "./problem.ts";

/** What the API server says about a Deployment. Missing numbers count as 0, as in Go. */
export interface WorkloadStatus {
  name: string;
  generation: number;
  observedGeneration: number;
  specReplicas: number;
  replicas: number;
  updatedReplicas: number;
  availableReplicas: number;
  /** The `Progressing` condition, where there is one. */
  progressing?: { reason: string; message: string };
  /** What its pods are made of, where it was looked at. */
  template?: PodTemplate;
}

/** One pod of a workload, with what its containers are doing. */
export interface PodStatus {
  name: string;
  ready: boolean;
  terminating: boolean;
  /** It is new: no container of it has come up yet, and none has died. */
  starting?: boolean;
  containers: readonly ContainerStatus[];
}

export interface ContainerStatus {
  name: string;
  restarts: number;
  /** Why it waits: `CrashLoopBackOff`, `ImagePullBackOff`, … */
  waiting?: { reason: string; message: string };
  /** How its last run ended. */
  terminated?: { reason: string; exitCode: number };
}

export type RolloutStatus =
  | { kind: "done" }
  | { kind: "waiting"; found: string }
  | { kind: "failed"; problem: Problem };

/**
 * Where a rollout stands: kubectl's rules in kubectl's order, because the order of the checks is the knowledge.
 * https://github.com/kubernetes/kubectl/blob/master/pkg/polymorphichelpers/rollout_status.go
 */
export function rolloutStatus(workload: WorkloadStatus): RolloutStatus {
  const { name, specReplicas, replicas, updatedReplicas, availableReplicas } = workload;
  if (workload.generation > workload.observedGeneration)
    return { kind: "waiting", found: `the controller has not seen the change to ${name} yet` };
  if (workload.progressing?.reason === "ProgressDeadlineExceeded")
    return {
      kind: "failed",
      problem: failed("rollout-stuck", `${name} exceeded its progress deadline: ${workload.progressing.message}`),
    };
  if (updatedReplicas < specReplicas)
    return { kind: "waiting", found: `${updatedReplicas} of ${specReplicas} new pods are there` };
  if (replicas > updatedReplicas)
    return { kind: "waiting", found: `old pods still terminating: ${replicas - updatedReplicas}` };
  if (availableReplicas < updatedReplicas)
    return { kind: "waiting", found: `${availableReplicas} of ${updatedReplicas} new pods are available` };
  return { kind: "done" };
}

/** Waiting reasons after which a container does not come up by itself. */
const DEAD_WAITING = new Set([
  "CrashLoopBackOff",
  "ImagePullBackOff",
  "InvalidImageName",
  "ErrImageNeverPull",
  "CreateContainerConfigError",
]);

/** A container that is proven dead, which decides at once instead of at the deadline. */
export interface Death {
  pod: string;
  container: string;
  reason: string;
  /** One sentence. */
  found: string;
}

/** The first proof of death among pods that are neither ready nor on their way out: a ready pod's old death is past. */
export function proofOfDeath(pods: readonly PodStatus[]): Death | undefined {
  for (const pod of pods) {
    if (pod.terminating || pod.ready) continue;
    for (const container of pod.containers) {
      const death = containerDeath(container);
      if (death !== undefined) return { pod: pod.name, container: container.name, ...death };
    }
  }
  return undefined;
}

function containerDeath({
  name,
  restarts,
  waiting,
  terminated,
}: ContainerStatus): Pick<Death, "reason" | "found"> | undefined {
  if (terminated?.reason === "OOMKilled")
    return { reason: "OOMKilled", found: `container ${name} was killed for using more memory than its limit` };
  if (waiting === undefined || !DEAD_WAITING.has(waiting.reason)) return undefined;
  const exit = terminated === undefined ? "" : `, last exit code ${terminated.exitCode}`;
  const detail = waiting.reason === "CrashLoopBackOff" ? ` after ${restarts} restarts${exit}` : `: ${waiting.message}`;
  return { reason: waiting.reason, found: `container ${name} is in ${waiting.reason}${detail}` };
}
