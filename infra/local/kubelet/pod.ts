import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { CoreV1Api, V1Pod, V1PodCondition } from "@kubernetes/client-node";
import type { BackOffLimits } from "./back-off.ts";
import { createSources } from "./cluster-client.ts";
import { type Container, createContainer } from "./container.ts";
import { createEventWriter } from "./event-writer.ts";
import type { ImageStore } from "./images.ts";
import type { LogRing } from "./log-ring.ts";
import { podIdentity } from "./pod-identity.ts";
import { podStatus } from "./pod-status.ts";
import { createPodWriter } from "./pod-writer.ts";
import type { ProcessRuntime } from "./process-runtime.ts";
import { retry } from "./retry.ts";
import { materialise } from "./volumes.ts";

export type PodDeps = {
  readonly core: CoreV1Api;
  readonly images: ImageStore;
  readonly runtime: ProcessRuntime;
  readonly limits: BackOffLimits;
  readonly nodeName: string;
  readonly podIP: string;
  readonly hostIP: string;
  readonly directory: string;
  readonly log: (message: string) => void;
};

/** One pod on this node, from the moment it is bound to the moment nothing of it is left. */
export type Pod = {
  readonly uid: string;
  /** Ends the pod within its grace period and then deletes its object; later calls change nothing. */
  terminate(graceSeconds: number): Promise<void>;
  /** Ends the pod's processes without a word to the API: the object is gone, or the kubelet stops. */
  kill(): Promise<void>;
  /** What a container wrote; undefined when there is no such container or instance. */
  log(container: string, isPrevious: boolean): LogRing | undefined;
};

const KILL_GRACE_SECONDS = 2;

/** `ended` is called once, when no process of the pod is left. */
export function startPod(pod: V1Pod, deps: PodDeps, ended: () => void): Pod {
  const identity = podIdentity(pod);
  const spec = pod.spec ?? { containers: [] };
  const { podIP, hostIP, directory } = deps;
  const facts = { pod, podIP, hostIP };
  const sources = createSources(deps.core, identity, spec.serviceAccountName ?? "default");
  const silence = new AbortController();
  const event = createEventWriter(deps.core, identity, deps.nodeName, deps.log, silence.signal);
  const writer = createPodWriter(deps.core, identity, deps.log, silence.signal);
  const startTime = new Date();
  const stopping = new AbortController();
  let conditions: readonly V1PodCondition[] = pod.status?.conditions ?? [];
  let ending: Promise<void> | undefined;
  let hasEnded = false;

  const restartPolicy = spec.restartPolicy ?? "Always";
  const common = { ...deps, facts, sources, event, changed: report };
  const initPolicy = restartPolicy === "Never" ? "Never" : "OnFailure";
  const initContainers = (spec.initContainers ?? []).map((container) =>
    createContainer(container, { ...common, restartPolicy: initPolicy }),
  );
  const containers = spec.containers.map((container) => createContainer(container, { ...common, restartPolicy }));
  const all = [...initContainers, ...containers];

  function report(): void {
    const statuses = (list: readonly Container[]) => list.map((container) => container.status());
    const isTerminating = stopping.signal.aborted;
    const state = { spec, podIP, hostIP, startTime, isTerminating };
    const status = podStatus(
      { ...state, initContainers: statuses(initContainers), containers: statuses(containers) },
      conditions,
      new Date(),
    );
    conditions = status.conditions ?? [];
    writer.set(status);
  }

  async function run(): Promise<void> {
    report();
    await makeVolumes();
    for (const container of initContainers) {
      if (stopping.signal.aborted) return;
      await container.run();
      if (container.status().state?.terminated?.exitCode !== 0) return;
    }
    if (!stopping.signal.aborted) await Promise.all(containers.map((container) => container.run()));
  }

  /** Tried again until everything the volumes name is there. */
  async function makeVolumes(): Promise<void> {
    for (const volume of spec.volumes ?? []) {
      const make = () => materialise(volume, join(directory, "volumes", volume.name), facts, sources);
      await retry(make, stopping.signal, (error) => {
        const why = error instanceof Error ? error.message : String(error);
        event("Warning", "FailedMount", `MountVolume.SetUp failed for volume "${volume.name}" : ${why}`);
      });
    }
  }

  async function endProcesses(graceSeconds: number): Promise<void> {
    stopping.abort();
    // What went wrong in one of them was logged when it did.
    await Promise.allSettled(all.map((container) => container.terminate(graceSeconds)));
    await running;
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
    if (!hasEnded) ended();
    hasEnded = true;
  }

  const running = run().catch((error: unknown) => {
    deps.log(`pod ${identity.namespace}/${identity.name}: ${error instanceof Error ? error.stack : error}`);
  });

  return {
    uid: identity.uid,
    terminate(graceSeconds) {
      ending ??= (async () => {
        for (const { name } of spec.containers) event("Normal", "Killing", `Stopping container ${name}`);
        stopping.abort();
        report();
        await endProcesses(graceSeconds);
        report();
        await writer.remove();
      })();
      return ending;
    },
    async kill() {
      silence.abort();
      await endProcesses(KILL_GRACE_SECONDS);
      await ending;
    },
    log(container, isPrevious) {
      return all.find((candidate) => candidate.status().name === container)?.log(isPrevious);
    },
  };
}
