import { ANNOTATIONS, type KubernetesObject } from "../../../shared/domain/release.ts";
import { compareTokens, formatToken, parseToken } from "../../../shared/domain/token.ts";
import type { EventQueue } from "./event-queue.ts";
import type { Actor, Store, Write } from "./store.ts";
import { type CapacityCause, countPods, isReady, specOfWorkload, type Workload } from "./workload.ts";

/** One effective change. */
export interface Change {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
  /** `scaled`: of a Deployment's spec nothing but `replicas` changed. */
  readonly action: "created" | "changed" | "scaled" | "removed";
  /** The annotations after it, before it where it removed the object; as they stand there. */
  readonly token?: string;
  readonly release?: string;
  readonly by: Actor;
}

/** An apply of Belay's that was let through although the object carried a newer token. */
export interface TokenRegression {
  readonly at: number;
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
  readonly carried: string;
  readonly applied: string;
}

/** The pods of a workload after their number changed; those that terminate are not counted. */
export interface Capacity {
  readonly at: number;
  readonly namespace: string;
  readonly workload: string;
  readonly ready: number;
  readonly total: number;
  readonly wasReady: number;
  readonly wasTotal: number;
  /** Of the Deployment's spec as it is now, percentages resolved. */
  readonly specReplicas: number;
  readonly maxSurge: number;
  readonly maxUnavailable: number;
  readonly cause: CapacityCause;
  /** Who changed that spec last. */
  readonly specBy: Actor;
}

export interface Observations {
  changes(): readonly Change[];
  tokenRegressions(): readonly TokenRegression[];
  onCapacity(listener: (capacity: Capacity) => void): void;
  /** Counts a workload's pods again. */
  count(workload: Workload, cause: CapacityCause): void;
}

export function createObservations(store: Store, queue: EventQueue): Observations {
  const changes: Change[] = [];
  const regressions: TokenRegression[] = [];
  const listeners: ((capacity: Capacity) => void)[] = [];

  store.onWrite((write) => {
    const at = queue.time();
    changes.push(toChange(write, at));
    const regression = write.by === "belay" ? toRegression(write, at) : undefined;
    if (regression !== undefined) regressions.push(regression);
  });

  return {
    changes: () => changes,
    tokenRegressions: () => regressions,
    onCapacity: (listener) => void listeners.push(listener),
    count: (workload, cause) => {
      const { ready: wasReady, total: wasTotal, stored, specBy } = workload;
      workload.ready = countPods(workload.sets, isReady);
      workload.total = countPods(workload.sets);
      const { ready, total } = workload;
      if (listeners.length === 0 || (ready === wasReady && total === wasTotal)) return;
      const { replicas: specReplicas, surge: maxSurge, unavailable: maxUnavailable } = specOfWorkload(workload);
      const place = { at: queue.time(), namespace: stored.namespace, workload: stored.name };
      const bounds = { specReplicas, maxSurge, maxUnavailable, specBy };
      const capacity: Capacity = { ...place, ready, total, wasReady, wasTotal, ...bounds, cause };
      for (const listener of listeners) listener(capacity);
    },
  };
}

function toChange({ stored, before, after, by }: Write, at: number): Change {
  const annotations = (after ?? before)?.metadata.annotations ?? {};
  const { [ANNOTATIONS.token]: token, [ANNOTATIONS.release]: release } = annotations;
  return Object.freeze({
    ...{ at, namespace: stored.namespace, kind: stored.kind, name: stored.name, action: actionOf(before, after) },
    ...(token === undefined ? {} : { token }),
    ...(release === undefined ? {} : { release }),
    by,
  });
}

function actionOf(before: KubernetesObject | undefined, after: KubernetesObject | undefined): Change["action"] {
  if (before === undefined) return "created";
  if (after === undefined) return "removed";
  return after.kind === "Deployment" && isScaled(before["spec"], after["spec"]) ? "scaled" : "changed";
}

function isScaled(before: unknown, after: unknown): boolean {
  const [was, is] = [before, after] as Readonly<Record<string, unknown>>[];
  if (was === undefined || is === undefined || was["replicas"] === is["replicas"]) return false;
  return Object.keys({ ...was, ...is }).every((member) => member === "replicas" || was[member] === is[member]);
}

function toRegression({ stored, before, after }: Write, at: number): TokenRegression | undefined {
  const carried = tokenOf(before);
  const applied = tokenOf(after);
  if (carried === undefined || applied === undefined || compareTokens(carried, applied) <= 0) return undefined;
  const tokens = { carried: formatToken(carried), applied: formatToken(applied) };
  return { at, namespace: stored.namespace, kind: stored.kind, name: stored.name, ...tokens };
}

const tokenOf = (object: KubernetesObject | undefined) =>
  parseToken(object?.metadata.annotations?.[ANNOTATIONS.token] ?? "");
