import type { V1ContainerStatus, V1PodCondition, V1PodSpec, V1PodStatus } from "@kubernetes/client-node";

/** What the kubelet knows of a pod at one moment. */
export type PodState = {
  readonly spec: V1PodSpec;
  readonly initContainers: readonly V1ContainerStatus[];
  readonly containers: readonly V1ContainerStatus[];
  readonly podIP: string;
  readonly hostIP: string;
  readonly startTime: Date;
  readonly isTerminating: boolean;
};

/** The status a kubelet reports; a condition keeps its transition time from `former` while its status is the same. */
export function podStatus(state: PodState, former: readonly V1PodCondition[], now: Date): V1PodStatus {
  const phase = podPhase(state);
  const containers = state.containers.map((status) => ({ ...status, ready: status.ready && !state.isTerminating }));
  const isOver = phase === "Succeeded" || phase === "Failed";
  const initialized = isInitialized(state);
  const ready = isOver ? { ok: false, reason: "PodCompleted", message: "" } : readiness(containers);
  const wanted: Condition[] = [
    { type: "PodScheduled", ok: true },
    { type: "Initialized", ok: initialized, ...(initialized ? {} : { reason: "ContainersNotInitialized" }) },
    { type: "ContainersReady", ...ready },
    { type: "Ready", ...ready },
  ];
  return {
    phase,
    conditions: wanted.map((condition) => transition(condition, former, now)),
    hostIP: state.hostIP,
    hostIPs: [{ ip: state.hostIP }],
    podIP: state.podIP,
    podIPs: [{ ip: state.podIP }],
    startTime: state.startTime,
    containerStatuses: containers,
    ...(state.initContainers.length > 0 ? { initContainerStatuses: [...state.initContainers] } : {}),
  };
}

type Condition = { type: string; ok: boolean; reason?: string; message?: string };

function transition(condition: Condition, former: readonly V1PodCondition[], now: Date): V1PodCondition {
  const { type, ok, reason, message } = condition;
  const status = ok ? "True" : "False";
  const before = former.find((candidate) => candidate.type === type);
  return {
    type,
    status,
    lastTransitionTime: (before?.status === status ? before.lastTransitionTime : undefined) ?? now,
    ...(reason ? { reason } : {}),
    ...(message ? { message } : {}),
  };
}

function readiness(containers: readonly V1ContainerStatus[]): Omit<Condition, "type"> {
  const unready = containers.filter((status) => !status.ready).map((status) => status.name);
  if (unready.length === 0) return { ok: true };
  const message = `containers with unready status: [${unready.join(" ")}]`;
  return { ok: false, reason: "ContainersNotReady", message };
}

function isInitialized({ initContainers }: PodState): boolean {
  return initContainers.every((status) => status.state?.terminated?.exitCode === 0);
}

/** Pending, Running, Succeeded or Failed, by the rules of getPhase in k8s.io/kubernetes/pkg/kubelet/kubelet_pods.go. */
export function podPhase(state: PodState): "Pending" | "Running" | "Succeeded" | "Failed" {
  const restartPolicy = state.isTerminating ? "Never" : (state.spec.restartPolicy ?? "Always");
  const hasFailedInit = state.initContainers.some((status) => (status.state?.terminated?.exitCode ?? 0) !== 0);
  if (hasFailedInit && restartPolicy === "Never") return "Failed";
  if (!isInitialized(state)) return "Pending";
  const kinds = state.containers.map(kindOf);
  if (kinds.includes("waiting")) return "Pending";
  if (kinds.includes("running") || restartPolicy === "Always") return "Running";
  if (kinds.every((kind) => kind === "succeeded")) return "Succeeded";
  return restartPolicy === "Never" ? "Failed" : "Running";
}

function kindOf({ state, lastState }: V1ContainerStatus): "waiting" | "running" | "succeeded" | "failed" {
  if (state?.running) return "running";
  if (state?.terminated) return state.terminated.exitCode === 0 ? "succeeded" : "failed";
  return lastState?.terminated ? "failed" : "waiting";
}
