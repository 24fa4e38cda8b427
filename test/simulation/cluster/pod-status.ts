import type { ContainerStatus, PodStatus } from "../../../shared/domain/rollout-status.ts";
import type { Pod } from "./workload.ts";

/** What the API server shows of a pod. */
export function statusOf(pod: Pod): PodStatus {
  const { initContainers, containers, model } = pod.template;
  const begun = pod.state !== "creating";
  return {
    name: pod.name,
    ready: pod.ready,
    terminating: pod.terminating,
    containers: [
      ...initContainers.map((name) => ({
        ...{ name, restarts: 0 },
        ...(begun ? { terminated: { reason: "Completed", exitCode: 0 } } : { waiting: CREATING }),
      })),
      ...containers.map((name) => (name === model ? modelStatus(pod) : sidecarStatus(name, begun))),
    ],
  };
}

const CREATING = { reason: "ContainerCreating", message: "" };

function sidecarStatus(name: string, begun: boolean): ContainerStatus {
  return begun ? { name, restarts: 0 } : { name, restarts: 0, waiting: CREATING };
}

function modelStatus({ template, state, restarts, exitCode }: Pod): ContainerStatus {
  return {
    name: template.model,
    restarts,
    ...(state === "creating" ? { waiting: CREATING } : {}),
    ...(state === "waiting"
      ? { waiting: { reason: "CrashLoopBackOff", message: "back-off restarting failed container" } }
      : {}),
    ...(exitCode === undefined ? {} : { terminated: { reason: "Error", exitCode } }),
  };
}

/** The log of a container, of its previous instance where there is one; undefined: there is none. */
export function lastLinesOf({ template, state, exitCode }: Pod, container: string): readonly string[] | undefined {
  if (state === "creating" || !template.containers.includes(container)) return undefined;
  if (container !== template.model || exitCode === undefined) return ["starting"];
  return exitCode === 1 ? ["starting", "Error: the model cannot be read"] : ["starting", "ready"];
}
