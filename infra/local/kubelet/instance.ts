import type { V1Container } from "@kubernetes/client-node";
import { place } from "./command-line.ts";
import { pause, runProbes } from "./container-probes.ts";
import type { PreparedContainer } from "./prepare-container.ts";
import type { ProbeKind } from "./probe-state.ts";
import { type ProbeContext, probe } from "./prober.ts";
import type { Exit, ProcessRuntime, RunningProcess } from "./process-runtime.ts";

/** One run of a container: its process, the probes of it, and its orderly end. */
export type Instance = {
  readonly process: RunningProcess;
  /** Probes it until it has ended or the signal comes; resolves with how it ended. */
  watch(on: InstanceEvents, signal: AbortSignal): Promise<Exit>;
  /** preStop, SIGTERM, and SIGKILL when the grace period is over; resolves when the process is gone. */
  stop(graceSeconds: number): Promise<void>;
};

export type InstanceEvents = {
  started(): void;
  ready(isReady: boolean): void;
  event(type: "Normal" | "Warning", reason: string, message: string): void;
};

type InstanceOptions = {
  readonly container: V1Container;
  readonly prepared: PreparedContainer;
  readonly process: RunningProcess;
  readonly runtime: ProcessRuntime;
  readonly podIP: string;
  readonly graceSeconds: number;
};

/** A kubelet leaves this much time to SIGTERM, however long preStop took. */
const MIN_GRACE_SECONDS = 2;

export function createInstance(options: InstanceOptions): Instance {
  const { container, process } = options;
  const context: ProbeContext = { podIP: options.podIP, container, exec: (...call) => exec(options, ...call) };
  const gone = new AbortController();
  let isPreStopped = false;
  void process.exited.then(() => gone.abort());

  async function preStop(graceSeconds: number): Promise<void> {
    const hook = container.lifecycle?.preStop;
    if (!hook || isPreStopped || gone.signal.aborted) return;
    isPreStopped = true;
    const limit = AbortSignal.any([gone.signal, AbortSignal.timeout(graceSeconds * 1000)]);
    if (hook.sleep) await pause(hook.sleep.seconds * 1000, limit);
    else await probe(hook, context, limit);
  }

  async function stop(graceSeconds: number): Promise<void> {
    const deadline = Date.now() + graceSeconds * 1000;
    await preStop(graceSeconds);
    process.kill("SIGTERM");
    await pause(Math.max(deadline - Date.now(), MIN_GRACE_SECONDS * 1000), gone.signal);
    process.kill("SIGKILL");
    await process.exited;
  }

  return {
    process,
    stop,
    async watch(on, signal) {
      const probing = runProbes({
        container,
        context,
        startedAt: process.startedAt,
        signal: AbortSignal.any([gone.signal, signal]),
        on: {
          started: on.started,
          ready: on.ready,
          unhealthy: (kind, why) => on.event("Warning", "Unhealthy", `${titled(kind)} probe failed: ${why}`),
          dead(kind) {
            on.event("Normal", "Killing", `Container ${container.name} failed ${kind} probe, will be restarted`);
            const own = kind === "startup" ? container.startupProbe : container.livenessProbe;
            void stop(own?.terminationGracePeriodSeconds ?? options.graceSeconds);
          },
        },
      });
      const exit = await process.exited;
      await probing;
      return exit;
    },
  };
}

function titled(kind: ProbeKind): string {
  return kind.charAt(0).toUpperCase() + kind.slice(1);
}

/** Runs a command where the container runs, and kills it when the time is over. */
async function exec({ prepared, runtime }: InstanceOptions, command: readonly string[], limit: AbortSignal) {
  const { root, spec } = prepared;
  const process = await runtime.start({ ...place(command, root, "/", spec.env), cwd: spec.cwd });
  const kill = () => process.kill("SIGKILL");
  limit.addEventListener("abort", kill, { once: true });
  if (limit.aborted) kill();
  const { exitCode } = await process.exited;
  limit.removeEventListener("abort", kill);
  return { exitCode, output: process.log.tail() };
}
