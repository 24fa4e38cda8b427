import { describe, expect, it } from "vitest";
import {
  type ContainerStatus,
  type PodStatus,
  proofOfDeath,
  rolloutStatus,
  type WorkloadStatus,
} from "../../shared/domain/rollout-status.ts";

/** Three new pods, all available. */
function workload(changes: Partial<WorkloadStatus> = {}): WorkloadStatus {
  return {
    ...{ name: "churn", generation: 2, observedGeneration: 2 },
    ...{ specReplicas: 3, replicas: 3, updatedReplicas: 3, availableReplicas: 3 },
    ...changes,
  };
}

const stuck = { reason: "ProgressDeadlineExceeded", message: "ReplicaSet has timed out progressing." };

describe("a rollout, by kubectl's rules in kubectl's order,", () => {
  it.each<{ name: string; status: WorkloadStatus; found: string }>([
    {
      name: "waits while the controller has not seen the change, whatever else is said",
      status: workload({ generation: 3, progressing: stuck, updatedReplicas: 0 }),
      found: "the controller has not seen the change to churn yet",
    },
    {
      name: "waits for new pods before it counts old ones",
      status: workload({ updatedReplicas: 1, replicas: 4, availableReplicas: 0 }),
      found: "1 of 3 new pods are there",
    },
    {
      name: "waits for old pods to terminate before it asks for availability",
      status: workload({ replicas: 5, availableReplicas: 0 }),
      found: "old pods still terminating: 2",
    },
    {
      name: "waits for new pods to be available",
      status: workload({ availableReplicas: 2 }),
      found: "2 of 3 new pods are available",
    },
  ])("$name", ({ status, found }) => {
    expect(rolloutStatus(status)).toEqual({ kind: "waiting", found });
  });

  it("has failed when its progress deadline has passed, before anything is counted", () => {
    const status = rolloutStatus(workload({ progressing: stuck, updatedReplicas: 1, availableReplicas: 0 }));
    expect(status).toMatchObject({
      kind: "failed",
      problem: {
        ...{ kind: "failed", code: "rollout-stuck" },
        message: "churn exceeded its progress deadline: ReplicaSet has timed out progressing.",
      },
    });
  });

  it.each([
    { name: "is done when all new pods are available and no old one is left", status: workload() },
    {
      name: "is done with another progressing reason",
      status: workload({ progressing: { reason: "NewReplicaSetAvailable", message: "" } }),
    },
    { name: "is done when the controller has seen a later change", status: workload({ observedGeneration: 9 }) },
    {
      name: "is done at zero replicas",
      status: workload({ specReplicas: 0, replicas: 0, updatedReplicas: 0, availableReplicas: 0 }),
    },
  ])("$name", ({ status }) => {
    expect(rolloutStatus(status)).toEqual({ kind: "done" });
  });
});

function pod(name: string, container: Partial<ContainerStatus> = {}, changes: Partial<PodStatus> = {}): PodStatus {
  return {
    ...{ name, ready: false, terminating: false },
    containers: [{ name: "model", restarts: 0, ...container }],
    ...changes,
  };
}

const waitingFor = (reason: string) => ({ waiting: { reason, message: "Back-off pulling image" } });

describe("a proof of death", () => {
  it.each<{ name: string; container: Partial<ContainerStatus>; found: string }>([
    {
      name: "CrashLoopBackOff, with its restarts and the last exit code",
      container: { ...waitingFor("CrashLoopBackOff"), restarts: 2, terminated: { reason: "Error", exitCode: 137 } },
      found: "container model is in CrashLoopBackOff after 2 restarts, last exit code 137",
    },
    {
      name: "CrashLoopBackOff whose last exit is not known",
      container: { ...waitingFor("CrashLoopBackOff"), restarts: 1 },
      found: "container model is in CrashLoopBackOff after 1 restarts",
    },
    {
      name: "ImagePullBackOff, with what the kubelet says",
      container: waitingFor("ImagePullBackOff"),
      found: "container model is in ImagePullBackOff: Back-off pulling image",
    },
    {
      name: "InvalidImageName",
      container: waitingFor("InvalidImageName"),
      found: "container model is in InvalidImageName: Back-off pulling image",
    },
    {
      name: "ErrImageNeverPull",
      container: waitingFor("ErrImageNeverPull"),
      found: "container model is in ErrImageNeverPull: Back-off pulling image",
    },
    {
      name: "CreateContainerConfigError",
      container: waitingFor("CreateContainerConfigError"),
      found: "container model is in CreateContainerConfigError: Back-off pulling image",
    },
    {
      name: "OOMKilled, even while it is restarted",
      container: { restarts: 1, terminated: { reason: "OOMKilled", exitCode: 137 } },
      found: "container model was killed for using more memory than its limit",
    },
  ])("is $name", ({ container, found }) => {
    expect(proofOfDeath([pod("churn-a"), pod("churn-b", container)])).toMatchObject({
      pod: "churn-b",
      container: "model",
      found,
    });
  });

  it.each<{ name: string; pods: readonly PodStatus[] }>([
    { name: "no pod", pods: [] },
    {
      name: "a ready pod that was killed for its memory some time ago",
      pods: [{ ...pod("churn-a", { restarts: 1, terminated: { reason: "OOMKilled", exitCode: 137 } }), ready: true }],
    },
    { name: "a pod that is coming up", pods: [pod("churn-a", waitingFor("ContainerCreating"))] },
    { name: "a first failed pull", pods: [pod("churn-a", waitingFor("ErrImagePull"))] },
    {
      name: "one exit that is being restarted",
      pods: [pod("churn-a", { terminated: { reason: "Error", exitCode: 1 } })],
    },
    {
      name: "a pod that is on its way out",
      pods: [pod("churn-a", waitingFor("CrashLoopBackOff"), { terminating: true })],
    },
  ])("is not $name", ({ pods }) => {
    expect(proofOfDeath(pods)).toBeUndefined();
  });

  it("names the container that died, not the first one", () => {
    const containers = [
      { name: "sidecar", restarts: 0 },
      { name: "model", restarts: 3, ...waitingFor("CrashLoopBackOff") },
    ];
    const death = proofOfDeath([pod("churn-a", {}, { containers })]);
    expect(death).toMatchObject({ container: "model", reason: "CrashLoopBackOff" });
  });
});
