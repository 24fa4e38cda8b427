import type { V1ContainerStatus } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { type PodState, podPhase, podStatus } from "../../../infra/local/kubelet/pod-status.ts";

const base = { image: "i", imageID: "", name: "c", ready: false, restartCount: 0 };
const waiting: V1ContainerStatus = { ...base, state: { waiting: { reason: "ContainerCreating" } } };
const running: V1ContainerStatus = { ...base, ready: true, state: { running: {} } };
const ended = (exitCode: number): V1ContainerStatus => ({ ...base, state: { terminated: { exitCode } } });
const backOff: V1ContainerStatus = { ...waiting, lastState: { terminated: { exitCode: 1 } } };
const old = new Date("2026-01-01T00:00:00Z");
const now = new Date("2026-01-01T00:01:00Z");

function state(containers: V1ContainerStatus[], restartPolicy = "Always", init: V1ContainerStatus[] = []): PodState {
  return {
    spec: { containers: [], restartPolicy },
    initContainers: init,
    containers,
    podIP: "127.77.3.2",
    hostIP: "127.77.3.1",
    startTime: old,
    isTerminating: false,
  };
}

describe("the phase of a pod", () => {
  it.each<[string, PodState, string]>([
    ["is Pending while a container has never run", state([running, waiting]), "Pending"],
    ["is Running when all containers have begun", state([running, running]), "Running"],
    ["is Running while a crashed container waits to be restarted", state([backOff]), "Running"],
    ["is Running between an exit and the restart", state([ended(1)]), "Running"],
    ["is Succeeded when all ended well and none is restarted", state([ended(0), ended(0)], "OnFailure"), "Succeeded"],
    ["is Running when one failed and will be restarted", state([ended(0), ended(1)], "OnFailure"), "Running"],
    ["is Failed when one failed and none is restarted", state([ended(0), ended(1)], "Never"), "Failed"],
    ["is Running while one of two still runs", state([running, ended(1)], "Never"), "Running"],
    ["is Pending while an init container runs", state([waiting], "Always", [running]), "Pending"],
    ["is Pending while an init container is tried again", state([waiting], "Always", [ended(1)]), "Pending"],
    ["is Failed when an init container failed for good", state([waiting], "Never", [ended(1)]), "Failed"],
    ["is Running after the init containers", state([running], "Always", [ended(0)]), "Running"],
    ["is Failed when it was ended by a signal", { ...state([ended(143)]), isTerminating: true }, "Failed"],
  ])("%s", (_name, pod, phase) => {
    expect(podPhase(pod)).toBe(phase);
  });
});

describe("the status of a pod", () => {
  it("names the containers that are not ready", () => {
    const status = podStatus(state([running, { ...waiting, name: "slow" }]), [], now);
    expect(status.conditions).toEqual([
      { type: "PodScheduled", status: "True", lastTransitionTime: now },
      { type: "Initialized", status: "True", lastTransitionTime: now },
      ...["ContainersReady", "Ready"].map((type) => ({
        type,
        status: "False",
        lastTransitionTime: now,
        reason: "ContainersNotReady",
        message: "containers with unready status: [slow]",
      })),
    ]);
  });

  it("keeps the transition time of a condition that has not changed", () => {
    const former = podStatus(state([running]), [], old).conditions ?? [];
    const { conditions } = podStatus(state([{ ...running, ready: false }]), former, now);
    expect(conditions?.map(({ type, lastTransitionTime }) => [type, lastTransitionTime])).toEqual([
      ["PodScheduled", old],
      ["Initialized", old],
      ["ContainersReady", now],
      ["Ready", now],
    ]);
  });

  it("is not ready from the moment the pod is to end", () => {
    const status = podStatus({ ...state([running]), isTerminating: true }, [], now);
    expect(status.containerStatuses?.[0]?.ready).toBe(false);
    expect(status.conditions?.find(({ type }) => type === "Ready")?.status).toBe("False");
  });

  it("says that a pod that is over has completed", () => {
    const status = podStatus(state([ended(0)], "Never"), [], now);
    expect(status.conditions?.find(({ type }) => type === "Ready")).toMatchObject({
      status: "False",
      reason: "PodCompleted",
    });
  });

  it("tells the addresses of the pod and its node", () => {
    expect(podStatus(state([running]), [], now)).toMatchObject({
      podIP: "127.77.3.2",
      podIPs: [{ ip: "127.77.3.2" }],
      hostIP: "127.77.3.1",
      hostIPs: [{ ip: "127.77.3.1" }],
      startTime: old,
    });
  });
});
