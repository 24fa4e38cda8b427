import type { DeploymentSpec, PodTemplate } from "./deployment-spec.ts";
import { specOf } from "./deployment-spec.ts";
import type { Scheduled } from "./event-queue.ts";
import type { Actor, StoredObject } from "./store.ts";

/** How the pods of an image turn out. */
export type Behaviour = "good" | "crash" | "wrong" | "unhealthy" | "stuck" | "flapping" | "slow";

/** Why the number of ready or existing pods changed. */
export type CapacityCause =
  /** The controller made or gave up pods because the template changed, or `replicas` did. */
  | "rollout"
  | "scale"
  /** The controller made a pod for one that was lost. */
  | "replace"
  /** A pod became ready, for the first time or again. */
  | "ready"
  /** A ready pod failed its readiness probe. */
  | "flap"
  /** A container died by itself. */
  | "crash"
  | "drain"
  | "kill"
  /** The Deployment was deleted. */
  | "delete";

export interface Pod {
  readonly name: string;
  readonly set: PodSet;
  readonly template: PodTemplate;
  readonly behaviour: Behaviour;
  readonly node: number;
  /** Counts up with every pod that is made. */
  readonly order: number;
  /** `waiting`: its container does not run now, for the reason that `waiting` names. */
  state: "creating" | "running" | "waiting";
  ready: boolean;
  readySince: number;
  /** Its server answers 503. */
  sick: boolean;
  terminating: boolean;
  /** Among the Service's endpoints; a little longer than it lives. */
  serving: boolean;
  deaths: number;
  restarts: number;
  exitCode: number | undefined;
  /** How often it will still flap. */
  flaps: number;
  next: Scheduled | undefined;
}

/** A ReplicaSet: as many pods of one template as it is asked for. */
export interface PodSet {
  readonly workload: Workload;
  template: PodTemplate;
  readonly name: string;
  /** Counts up with every set that is made. */
  readonly order: number;
  /** Counts up in its workload whenever it becomes the newest. */
  revision: number;
  replicas: number;
  /** How many pods it was given last: fewer are there only when some were lost. */
  given: number;
  /** What the Deployment wanted when this set was last sized, without and with its surge. */
  desired: number;
  maximum: number;
  /** Those that are not terminating, oldest first. */
  readonly pods: Pod[];
}

export interface Progress {
  status: "True" | "False";
  reason: "NewReplicaSetCreated" | "ReplicaSetUpdated" | "NewReplicaSetAvailable" | "ProgressDeadlineExceeded";
  message: string;
  updatedAt: number;
}

/** A Deployment's status, as its controller wrote it last. */
export interface DeploymentStatus {
  observedGeneration: number;
  replicas: number;
  updatedReplicas: number;
  readyReplicas: number;
  availableReplicas: number;
  progress: Progress | undefined;
}

/** A Deployment with what belongs to it. */
export interface Workload {
  readonly stored: StoredObject;
  readonly sets: PodSet[];
  status: DeploymentStatus;
  revisions: number;
  /** Who changed its spec last. */
  specBy: Actor;
  removed: boolean;
  /** Pods that were counted last. */
  ready: number;
  total: number;
  reconcile: Scheduled | undefined;
  deadline: Scheduled | undefined;
}

export function createWorkload(stored: StoredObject, by: Actor): Workload {
  const counts = { replicas: 0, updatedReplicas: 0, readyReplicas: 0, availableReplicas: 0 };
  return {
    stored,
    sets: [],
    status: { observedGeneration: 0, ...counts, progress: undefined },
    revisions: 0,
    specBy: by,
    removed: false,
    ready: 0,
    total: 0,
    reconcile: undefined,
    deadline: undefined,
  };
}

export const specOfWorkload = ({ stored }: Workload): DeploymentSpec => specOf(stored.live);

export function countPods(sets: readonly PodSet[], holds: (pod: Pod) => boolean = () => true): number {
  let count = 0;
  for (const { pods } of sets) for (const pod of pods) if (holds(pod)) count += 1;
  return count;
}

export const isReady = ({ ready }: Pod): boolean => ready;

/** Ready for as long as the Deployment asks. */
export function isAvailable({ minReadyMs }: DeploymentSpec, time: number): (pod: Pod) => boolean {
  return ({ ready, readySince }) => ready && time - readySince >= minReadyMs;
}
