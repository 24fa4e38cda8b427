import { setTimeout as delay } from "node:timers/promises";
import type { V1Container, V1Probe } from "@kubernetes/client-node";
import { initialProbeState, observe, type ProbeKind } from "./probe-state.ts";
import { type ProbeContext, probe } from "./prober.ts";

/** What the probes of one container instance lead to. */
export type ProbeEvents = {
  started(): void;
  ready(isReady: boolean): void;
  /** The liveness or the startup probe failed for good: the container is to be restarted. */
  dead(kind: ProbeKind): void;
  unhealthy(kind: ProbeKind, message: string): void;
};

type Instance = {
  readonly container: V1Container;
  readonly startedAt: Date;
  readonly context: ProbeContext;
  readonly signal: AbortSignal;
  readonly on: ProbeEvents;
};

/** Probes one container instance until the signal: startup first, then readiness and liveness side by side. */
export async function runProbes(instance: Instance): Promise<void> {
  const { startupProbe, readinessProbe, livenessProbe } = instance.container;
  if (startupProbe && !(await becomesStarted(instance, startupProbe))) return;
  instance.on.started();
  if (!readinessProbe) instance.on.ready(true);
  await Promise.all([
    readinessProbe ? watchReadiness(instance, readinessProbe) : undefined,
    livenessProbe ? watchLiveness(instance, livenessProbe) : undefined,
  ]);
}

async function becomesStarted(instance: Instance, startupProbe: V1Probe): Promise<boolean> {
  for await (const result of results(instance, "startup", startupProbe)) {
    if (result === true) return true;
    if (result === undefined) continue;
    instance.on.dead("startup");
    return false;
  }
  return false;
}

async function watchReadiness(instance: Instance, readinessProbe: V1Probe): Promise<void> {
  for await (const result of results(instance, "readiness", readinessProbe)) instance.on.ready(result === true);
}

async function watchLiveness(instance: Instance, livenessProbe: V1Probe): Promise<void> {
  for await (const result of results(instance, "liveness", livenessProbe)) {
    if (result !== false) continue;
    instance.on.dead("liveness");
    return;
  }
}

/** The probe's result after each answer, until the signal. */
async function* results(instance: Instance, kind: ProbeKind, settings: V1Probe): AsyncGenerator<boolean | undefined> {
  const { initialDelaySeconds = 0, periodSeconds = 10, timeoutSeconds = 1 } = settings;
  const { signal, context, on, startedAt } = instance;
  let state = initialProbeState(kind);
  await pause(startedAt.getTime() + initialDelaySeconds * 1000 - Date.now(), signal);
  while (!signal.aborted) {
    const begun = Date.now();
    const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)]);
    const answer = await probe(settings, context, limited);
    if (signal.aborted) return;
    if (!answer.success) on.unhealthy(kind, answer.message);
    if (answer.success !== undefined) {
      state = observe(state, answer.success, settings);
      yield state.result;
    }
    await pause(begun + periodSeconds * 1000 - Date.now(), signal);
  }
}

/** Waits, at most until the signal. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(Math.max(0, milliseconds), undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
