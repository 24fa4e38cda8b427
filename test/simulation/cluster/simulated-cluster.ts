import { readPodTemplate } from "../../../shared/domain/pod-template.ts";
import type { KubernetesObject } from "../../../shared/domain/release.ts";
import type { ClusterAccess } from "../../../shared/ports/cluster.ts";
import type { Random } from "./chance.ts";
import { createClusterPort } from "./cluster-port.ts";
import { createDeploymentController } from "./deployment-controller.ts";
import { createEventQueue } from "./event-queue.ts";
import { createMeddling, type Meddling } from "./meddling.ts";
import { createObservations, type Observations } from "./observations.ts";
import { createPods } from "./pods.ts";
import { createPreviewerPort } from "./previewer-port.ts";
import { createProberPort, endpoints } from "./prober-port.ts";
import { createStore } from "./store.ts";
import type { Behaviour } from "./workload.ts";

export type { Capacity, Change, TokenRegression } from "./observations.ts";
export type { Behaviour, CapacityCause } from "./workload.ts";

export interface SimulatedClusterOptions {
  /** Virtual epoch milliseconds. */
  now(): number;
  /** How the pods of an image turn out; asked once for every pod. */
  behaviour(image: string): Behaviour;
  random: Random;
  /** The longest time after a change until the Deployment controller sees it, milliseconds; without it half a second. */
  latestMs?: number;
}

/** A pessimistic Kubernetes on virtual time: same seed and same calls, same everything. */
export interface SimulatedCluster extends Meddling, Omit<Observations, "count"> {
  /** The ports to one namespace. Calls take effect at once; what is due by now is played before. */
  open(namespace: string): ClusterAccess;
  /** Plays what happens by itself up to and including this time. */
  advanceTo(time: number): void;
  /** When something happens by itself next; undefined: nothing will. */
  nextAt(): number | undefined;
  /** Images of the pods that a Service's traffic goes to now, with how many they are. */
  serving(namespace: string, service: string): ReadonlyMap<string, number>;
  /** Images of the pods of a namespace that are not terminating. */
  running(namespace: string): ReadonlySet<string>;
  /** Names of the ConfigMaps that pods of a namespace use, but for those that terminate. */
  configurationInUse(namespace: string): ReadonlySet<string>;
  /** Ready pods of a workload that are not terminating, of any template. */
  readyPods(namespace: string, workload: string): number;
  /** Live objects, of one namespace or of all. Frozen. */
  objects(namespace?: string): readonly KubernetesObject[];
}

export function createSimulatedCluster({
  now,
  behaviour,
  random,
  latestMs = 500,
}: SimulatedClusterOptions): SimulatedCluster {
  const queue = createEventQueue(now);
  const store = createStore();
  const observations = createObservations(store, queue);
  const pods = createPods({
    ...{ queue, random, behaviour },
    changed: ({ set: { workload } }, cause) => {
      observations.count(workload, cause);
      controller.podChanged(workload, cause === "ready");
    },
  });
  const controller = createDeploymentController({ store, queue, random, pods, latestMs });
  const play = () => queue.advanceTo(now());
  const dependencies = { store, queue, random, pods, controller, play };
  const opened = new Map<string, ClusterAccess>();

  return {
    ...createMeddling(dependencies),
    open: (namespace) => {
      const known = opened.get(namespace);
      if (known !== undefined) return known;
      const cluster = createClusterPort(dependencies, namespace);
      const prober = createProberPort(dependencies, namespace);
      const access = { cluster, prober, previewer: createPreviewerPort(dependencies, namespace) };
      opened.set(namespace, access);
      return access;
    },
    advanceTo: queue.advanceTo,
    nextAt: queue.nextAt,
    changes: observations.changes,
    tokenRegressions: observations.tokenRegressions,
    onCapacity: observations.onCapacity,
    serving: (namespace, name) => {
      play();
      const service = store.find(namespace, { apiVersion: "v1", kind: "Service", metadata: { name } });
      const counts = new Map<string, number>();
      if (service === undefined) return counts;
      for (const { template } of endpoints(service.live, pods.in(namespace)))
        counts.set(template.image, (counts.get(template.image) ?? 0) + 1);
      return counts;
    },
    running: (namespace) => {
      play();
      const there = [...pods.in(namespace).values()].filter(({ terminating }) => !terminating);
      return new Set(there.map(({ template }) => template.image));
    },
    configurationInUse: (namespace) =>
      new Set(
        [...pods.in(namespace).values()].flatMap(({ terminating, template: { source } }) =>
          terminating ? [] : readPodTemplate({ template: source }).configuration,
        ),
      ),
    readyPods: (namespace, workload) => {
      play();
      return controller.workload(namespace, workload)?.ready ?? 0;
    },
    objects: (namespace) => {
      play();
      return (namespace === undefined ? store.all() : store.list(namespace)).map(({ live }) => live);
    },
  };
}
