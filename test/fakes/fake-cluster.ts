import { ForeignChangeError } from "../../shared/domain/errors.ts";
import { readPodTemplate } from "../../shared/domain/pod-template.ts";
import {
  ANNOTATIONS,
  isAutoscaled,
  isWorkload,
  type KubernetesObject,
  LABELS,
  objectKey,
} from "../../shared/domain/release.ts";
import type { PodStatus, WorkloadStatus } from "../../shared/domain/rollout-status.ts";
import { parseToken } from "../../shared/domain/token.ts";
import type { ProbeAnswer } from "../../shared/domain/verification.ts";
import type { Cluster, ObservedObject, OwnedObject, Prober } from "../../shared/ports/cluster.ts";
import type { Previewer } from "../../shared/ports/previewer.ts";

/** How the pods of an image behave. */
export type Behaviour = "good" | "crash" | "wrong" | "unhealthy" | "stuck";

export interface FakeCluster extends Cluster {
  prober: Prober;
  previewer: Previewer;
  objects(): readonly KubernetesObject[];
  find(kind: string, name: string): KubernetesObject | undefined;
  /** Changes an object behind Belay's back; without a token it counts as somebody else's. */
  tamper(kind: string, name: string, annotations: Record<string, string>): void;
  /** Somebody else takes an object's fields: Belay's next change of it is refused. */
  takeOver(kind: string, name: string, change: Readonly<Record<string, unknown>>): void;
  /** An autoscaler sets how many pods a workload should have. */
  autoscale(name: string, replicas: number): void;
  /** Somebody brings definitions of custom kinds. */
  define(...kinds: readonly string[]): void;
  /** Another worker deletes an object and makes it again. */
  recreate(kind: string, name: string): void;
  /** The image that serves, by the last workload that became ready. */
  serving(): string | undefined;
  /** Every effective change, in order. */
  changes(): readonly string[];
}

interface Stored {
  object: KubernetesObject;
  uid: string;
  version: number;
  changedAt: number;
  /** Somebody else owns its fields. */
  taken?: boolean;
}

const READY_AFTER_MS = 4_000;

/** A namespace in memory whose pods come up, crash or answer wrongly as `behaviour` says of their image. */
export function createFakeCluster(now: () => number, behaviour: (image: string) => Behaviour): FakeCluster {
  const store = new Map<string, Stored>();
  const changes: string[] = [];
  const custom = new Set<string>();
  let versions = 1;
  let served: string | undefined;
  const observe = ({ object, uid, version }: Stored): ObservedObject => ({
    uid,
    resourceVersion: String(version),
    token: parseToken(object.metadata.annotations?.[ANNOTATIONS.token] ?? ""),
    labels: object.metadata.labels ?? {},
    ...(isWorkload(object)
      ? { replicas: { count: replicasOf(object), autoscaled: isAutoscaled(object), owners: [] } }
      : {}),
  });
  const workload = () => [...store.values()].find(({ object }) => isWorkload(object));
  const podsReady = (stored: Stored) => now() - stored.changedAt >= READY_AFTER_MS;
  const settle = () => {
    const stored = workload();
    if (stored === undefined || !podsReady(stored)) return;
    const image = imageOf(stored.object);
    if (replicasOf(stored.object) > 0 && !["crash", "stuck"].includes(behaviour(image))) served = image;
  };
  const meddle = (kind: string, name: string, change: (stored: Stored) => Stored) => {
    for (const [key, stored] of store) {
      if (stored.object.kind !== kind || stored.object.metadata.name !== name) continue;
      versions += 1;
      store.set(key, { ...change(stored), version: versions });
    }
  };
  return {
    read: async (reference) => {
      const stored = store.get(objectKey(reference));
      return stored === undefined ? undefined : observe(stored);
    },
    apply: async (given, seen) => {
      settle();
      const key = objectKey(given);
      const known = store.get(key);
      const object = sized(given, known?.object);
      if (!matches(known, seen)) return "conflict";
      if (known?.taken === true)
        throw new ForeignChangeError(`${object.kind} ${object.metadata.name} belongs to somebody else.`);
      if (JSON.stringify(known?.object) === JSON.stringify(object)) return "applied";
      const sameSpec = JSON.stringify(known?.object["spec"]) === JSON.stringify(object["spec"]);
      versions += 1;
      store.set(key, {
        object: structuredClone(object),
        uid: known?.uid ?? `uid-${versions}`,
        version: versions,
        changedAt: sameSpec ? (known?.changedAt ?? now()) : now(),
      });
      changes.push(`${object.kind} ${object.metadata.name} ${object.metadata.annotations?.[ANNOTATIONS.token]}`);
      return "applied";
    },
    remove: async ({ reference, uid, resourceVersion }) => {
      const key = objectKey(reference);
      const known = store.get(key);
      if (known === undefined || known.uid !== uid || String(known.version) !== resourceVersion) return;
      store.delete(key);
      changes.push(`removed ${reference.kind} ${reference.metadata.name}`);
    },
    listOwned: async (target) =>
      [...store.values()]
        .filter(({ object }) => object.metadata.labels?.[LABELS.target] === target && isPruned(object))
        .map((stored): OwnedObject => ({ ...observe(stored), reference: stored.object })),
    kinds: async () => [...custom],
    workload: async (name): Promise<WorkloadStatus | undefined> => {
      settle();
      const stored = workload();
      if (stored === undefined || stored.object.metadata.name !== name) return undefined;
      const replicas = replicasOf(stored.object);
      const up = podsReady(stored) && !["crash", "stuck"].includes(behaviour(imageOf(stored.object)));
      return {
        name,
        generation: stored.version,
        observedGeneration: stored.version,
        specReplicas: replicas,
        replicas: up ? replicas : replicas + 1,
        updatedReplicas: up ? replicas : 1,
        availableReplicas: replicas,
        template: readPodTemplate(specOf(stored.object)),
      };
    },
    pods: async (template): Promise<readonly PodStatus[]> => {
      const stored = workload();
      if (stored === undefined || templateOf(stored.object) !== template) return [];
      const crashed = podsReady(stored) && behaviour(imageOf(stored.object)) === "crash";
      return podNames(stored.object).map((name) => ({
        name,
        ready: !crashed,
        terminating: false,
        containers: [
          {
            name: "model",
            restarts: crashed ? 2 : 0,
            ...(crashed
              ? {
                  waiting: { reason: "CrashLoopBackOff", message: "back-off" },
                  terminated: { reason: "Error", exitCode: 1 },
                }
              : {}),
          },
        ],
      }));
    },
    lastLines: async () => ["Error: the model cannot be read"],
    ping: async () => {},
    previewer: {
      preview: async (object) => {
        const stored = store.get(objectKey(object));
        const conflict =
          stored?.taken === true ? `${object.kind} ${object.metadata.name} is somebody else's.` : undefined;
        return { live: stored?.object, next: object, conflict };
      },
    },
    prober: {
      getPod: async (pod) => {
        const object = workload()?.object;
        const known = object !== undefined && podNames(object).includes(pod);
        return known ? answerHealth(behaviour(imageOf(object))) : { kind: "no-answer", reason: "no pod", latencyMs: 0 };
      },
      postService: async () => {
        const object = workload()?.object;
        const known = object !== undefined && replicasOf(object) > 0;
        return known
          ? answerPrediction(behaviour(imageOf(object)))
          : { kind: "no-answer", reason: "no endpoints", latencyMs: 0 };
      },
    },
    objects: () => [...store.values()].map(({ object }) => object),
    find: (kind, name) =>
      [...store.values()].find(({ object }) => object.kind === kind && object.metadata.name === name)?.object,
    tamper: (kind, name, annotations) =>
      meddle(kind, name, (stored) => {
        const metadata = { ...stored.object.metadata, annotations };
        return { ...stored, object: { ...stored.object, metadata } };
      }),
    takeOver: (kind, name, change) =>
      meddle(kind, name, (stored) => ({ ...stored, taken: true, object: { ...stored.object, ...change } })),
    autoscale: (name, replicas) =>
      meddle("Deployment", name, ({ object, ...stored }) => ({
        ...stored,
        object: { ...object, spec: { ...(object["spec"] as object), replicas } },
      })),
    define: (...kinds) => {
      for (const kind of kinds) custom.add(kind);
    },
    recreate: (kind, name) => meddle(kind, name, (stored) => ({ ...stored, uid: `uid-again-${versions}` })),
    serving: () => {
      settle();
      return served;
    },
    changes: () => changes,
  };
}

/** Absent and create-only, or exactly what was seen. */
function matches(known: Stored | undefined, seen: ObservedObject | undefined): boolean {
  return (
    known?.uid === seen?.uid && (known === undefined ? undefined : String(known.version)) === seen?.resourceVersion
  );
}

function answerHealth(behaviour: Behaviour): ProbeAnswer {
  return { kind: "answer", status: behaviour === "unhealthy" ? 500 : 200, body: "", latencyMs: 2 };
}

function answerPrediction(behaviour: Behaviour): ProbeAnswer {
  const body = behaviour === "wrong" ? '{"predictions": [NaN]}' : '{"predictions": [0.5]}';
  return { kind: "answer", status: 200, body, latencyMs: 2 };
}

interface WorkloadSpec {
  replicas: number;
  template: { metadata: { labels: Record<string, string> }; spec: { containers: { image: string }[] } };
}

const specOf = (object: KubernetesObject | undefined) => object?.["spec"] as WorkloadSpec | undefined;
const imageOf = (object: KubernetesObject | undefined): string =>
  specOf(object)?.template.spec.containers[0]?.image ?? "";
const replicasOf = (object: KubernetesObject): number => specOf(object)?.replicas ?? 0;
const templateOf = (object: KubernetesObject): string | undefined =>
  specOf(object)?.template.metadata.labels[LABELS.template];
const podNames = (object: KubernetesObject): readonly string[] =>
  Array.from({ length: replicasOf(object) }, (_, index) => `pod-${index}`);
/** An autoscaler's workload keeps the number it has. */
function sized(given: KubernetesObject, live: KubernetesObject | undefined): KubernetesObject {
  const replicas = live === undefined ? 0 : replicasOf(live);
  if (!isAutoscaled(given) || replicas === 0) return given;
  return { ...given, spec: { ...(given["spec"] as object), replicas } };
}
/** Workloads and Services have fixed names and are never left over. */
const isPruned = (object: KubernetesObject): boolean => !isWorkload(object) && object.kind !== "Service";
