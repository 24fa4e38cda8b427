import type { V1Container, V1ContainerStateTerminated, V1ContainerStatus } from "@kubernetes/client-node";
import { type BackOff, type BackOffLimits, nextBackOff } from "./back-off.ts";
import { StartError } from "./command-line.ts";
import { ConfigError } from "./config-error.ts";
import { pause } from "./container-probes.ts";
import type { PodFacts, Sources } from "./environment.ts";
import { ImageError, type ImageStore, type UnpackedImage } from "./images.ts";
import { createInstance, type Instance } from "./instance.ts";
import type { LogRing } from "./log-ring.ts";
import { type PreparedContainer, prepareContainer } from "./prepare-container.ts";
import type { Exit, ProcessRuntime } from "./process-runtime.ts";

export type EventWriter = (type: "Normal" | "Warning", reason: string, message: string) => void;

export type ContainerDeps = {
  readonly facts: PodFacts;
  readonly sources: Sources;
  readonly images: ImageStore;
  readonly runtime: ProcessRuntime;
  readonly limits: BackOffLimits;
  /** The pod's folder, with its volumes in volumes/<name> and its containers' roots in containers/<name>. */
  readonly directory: string;
  readonly restartPolicy: string;
  readonly event: EventWriter;
  /** Called after every change of the status. */
  readonly changed: () => void;
};

/** One container of a pod, from its image to its last exit. */
export type Container = {
  status(): V1ContainerStatus;
  /** Starts it, and again as the restart policy says; resolves when it will not run any more. */
  run(): Promise<void>;
  /** Ends it for good, within the grace period where it is running. */
  terminate(graceSeconds: number): Promise<void>;
  /** What the present or last instance wrote, or the one before it; undefined when there was none. */
  log(isPrevious: boolean): LogRing | undefined;
};

export function createContainer(container: V1Container, deps: ContainerDeps): Container {
  const { name, image = "" } = container;
  const { metadata, spec: podSpec } = deps.facts.pod;
  const stopping = new AbortController();
  const { signal } = stopping;
  const logs = new Map<string, LogRing>();
  let status: V1ContainerStatus = {
    name,
    image,
    imageID: "",
    ready: false,
    started: false,
    restartCount: 0,
    state: { waiting: { reason: "PodInitializing" } },
  };
  let instance: Instance | undefined;
  let finished: Promise<void> | undefined;

  /** What a state follows upon stays visible as the last one, if it was an end. */
  function change(next: Partial<V1ContainerStatus>): void {
    const lastState = next.state && status.state?.terminated ? { lastState: status.state } : {};
    status = { ...status, ...lastState, ...next };
    deps.changed();
  }

  function wait(reason: string, message?: string): void {
    change({ state: { waiting: { reason, ...(message === undefined ? {} : { message }) } }, ready: false });
  }

  async function loop(): Promise<void> {
    let backOff: BackOff | undefined;
    for (let restartCount = 0; ; restartCount += 1) {
      const end = await runOnce(restartCount);
      if (!end) return;
      change({ state: { terminated: end }, restartCount, ready: false, started: false });
      if (signal.aborted || !isRestarted(deps.restartPolicy, end.exitCode)) return;
      backOff = nextBackOff(backOff, Date.now(), deps.limits, 0);
      await waitToRestart(backOff);
    }
  }

  async function waitToRestart({ waitSeconds, until }: BackOff): Promise<void> {
    if (waitSeconds === 0) return;
    const pod = `${metadata?.name}_${metadata?.namespace}(${metadata?.uid})`;
    deps.event("Warning", "BackOff", `Back-off restarting failed container ${name} in pod ${pod}`);
    wait("CrashLoopBackOff", `back-off ${waitSeconds}s restarting failed container=${name} pod=${pod}`);
    await pause(until - Date.now(), signal);
  }

  /** One instance from its image to its exit; undefined when the pod ends before it starts. */
  async function runOnce(restartCount: number): Promise<V1ContainerStateTerminated | undefined> {
    try {
      const prepared = await prepare();
      return prepared && (await follow(prepared, restartCount));
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      deps.event("Warning", "Failed", `Error: ${error.message}`);
      const now = new Date();
      return { reason: "StartError", exitCode: 128, message: error.message, startedAt: now, finishedAt: now };
    }
  }

  /** Everything up to the process, tried again until it succeeds; undefined when the pod ends first. */
  async function prepare(): Promise<PreparedContainer | undefined> {
    if (isNew(status)) wait("ContainerCreating");
    let backOff: BackOff | undefined;
    while (!signal.aborted) {
      const result = await tryToPrepare();
      if ("spec" in result) return result;
      backOff = nextBackOff(backOff, Date.now(), deps.limits, deps.limits.initialSeconds);
      await waitToPrepare(result.error, backOff);
    }
    return undefined;
  }

  async function tryToPrepare(): Promise<PreparedContainer | { error: unknown }> {
    try {
      return await prepareContainer(container, await fetchImage(), deps);
    } catch (error) {
      if (error instanceof StartError) throw error;
      return { error };
    }
  }

  async function fetchImage(): Promise<UnpackedImage> {
    const { image: unpacked, isPulled } = await deps.images.get(image, container.imagePullPolicy ?? "IfNotPresent");
    const pulled = isPulled ? `Successfully pulled image "${image}"` : `Image "${image}" already present on machine`;
    deps.event("Normal", "Pulled", pulled);
    status = { ...status, imageID: unpacked.imageID };
    return unpacked;
  }

  async function waitToPrepare(error: unknown, { waitSeconds, until }: BackOff): Promise<void> {
    if (signal.aborted) return;
    const message = error instanceof Error ? error.message : String(error);
    const reason = reasonOf(error);
    deps.event("Warning", "Failed", `Error: ${message}`);
    wait(reason, message);
    if (reason === "ErrImagePull") {
      await pause(Math.min(1000, waitSeconds * 500), signal);
      if (signal.aborted) return;
      deps.event("Normal", "BackOff", `Back-off pulling image "${image}"`);
      wait("ImagePullBackOff", `Back-off pulling image "${image}": ${message}`);
    }
    await pause(until - Date.now(), signal);
  }

  async function follow(prepared: PreparedContainer, restartCount: number): Promise<V1ContainerStateTerminated> {
    const process = await deps.runtime.start(prepared.spec);
    const containerID = `process://${process.pid}-${process.startedAt.getTime()}`;
    logs.set(containerID, process.log);
    const [oldest] = logs.keys();
    if (logs.size > 2 && oldest !== undefined) logs.delete(oldest);
    const graceSeconds = podSpec?.terminationGracePeriodSeconds ?? 30;
    const podIP = deps.facts.podIP;
    instance = createInstance({ container, prepared, process, runtime: deps.runtime, podIP, graceSeconds });
    if (signal.aborted) process.kill("SIGKILL");
    deps.event("Normal", "Created", `Created container ${name}`);
    deps.event("Normal", "Started", `Started container ${name}`);
    change({ containerID, restartCount, state: { running: { startedAt: process.startedAt } } });
    const exit = await instance.watch(
      {
        started: () => change({ started: true }),
        ready: (ready) => ready !== status.ready && change({ ready }),
        event: deps.event,
      },
      signal,
    );
    return terminated(exit, process.startedAt, containerID);
  }

  return {
    status: () => status,
    run() {
      finished ??= loop();
      return finished;
    },
    async terminate(graceSeconds) {
      stopping.abort();
      await instance?.stop(graceSeconds);
      await finished;
    },
    log(isPrevious) {
      const last = status.lastState?.terminated?.containerID;
      const id = isPrevious || status.state?.waiting ? last : status.containerID;
      return id === undefined ? undefined : logs.get(id);
    },
  };
}

function isNew({ state }: V1ContainerStatus): boolean {
  return state?.waiting?.reason === "PodInitializing";
}

function isRestarted(policy: string, exitCode: number): boolean {
  return policy === "Always" || (policy === "OnFailure" && exitCode !== 0);
}

function reasonOf(error: unknown): string {
  if (error instanceof ImageError) return error.reason;
  return error instanceof ConfigError ? "CreateContainerConfigError" : "CreateContainerError";
}

function terminated(exit: Exit, startedAt: Date, containerID: string): V1ContainerStateTerminated {
  const { exitCode, signal, isOutOfMemory, finishedAt } = exit;
  const reason = isOutOfMemory ? "OOMKilled" : exitCode === 0 ? "Completed" : "Error";
  return { reason, exitCode, startedAt, finishedAt, containerID, ...(signal === undefined ? {} : { signal }) };
}
