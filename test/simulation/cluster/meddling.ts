import { LABELS } from "../../../shared/domain/release.ts";
import { between, pick, type Random } from "./chance.ts";
import type { DeploymentController } from "./deployment-controller.ts";
import { specOf } from "./deployment-spec.ts";
import type { EventQueue, Scheduled } from "./event-queue.ts";
import { take } from "./field-owners.ts";
import { type Edit, type EditKind, editsOf } from "./foreign-edits.ts";
import type { Path } from "./frozen-json.ts";
import type { Pods } from "./pods.ts";
import type { Store, StoredObject } from "./store.ts";

export interface MeddlingDependencies {
  store: Store;
  queue: EventQueue;
  random: Random;
  pods: Pods;
  controller: DeploymentController;
  /** Plays what was due before. */
  play(): void;
}

/** An object by its kind and name. */
export interface ObjectName {
  kind: string;
  name: string;
}

/** What somebody did to an object. */
export type DoneEdit = ObjectName & Edit;

/** Somebody else and the world. Each call happens at once; what it returns is what was done, undefined: nothing was there. */
export interface Meddling {
  /** A node goes, with all pods on it; returns their names. */
  drainNode(): readonly string[];
  /** An autoscaler moves `replicas` by at most 2, and back minutes later; returns the new number. A workload at zero is left alone. */
  autoscale(namespace: string, workload: string): number | undefined;
  /** `kubectl edit` of one random thing, or of one of a kind. */
  editForeign(namespace: string, kind?: EditKind): DoneEdit | undefined;
  /** Another field manager sets this field and owns it from now on. */
  takeField(namespace: string, object: ObjectName, path: Path, value: unknown): void;
  /** Somebody deletes a ConfigMap, a Service or a Deployment. */
  deleteForeign(namespace: string, object?: ObjectName): ObjectName | undefined;
  /** Somebody puts a ConfigMap of theirs under a target's label. */
  placeForeign(namespace: string, target: string): void;
  /** A controller writes to an object what Belay does not look at: its resourceVersion moves. */
  touch(namespace: string, object?: ObjectName): ObjectName | undefined;
  /** A container dies and starts again, or its pod is deleted; returns the pod's name. */
  killPod(): string | undefined;
}

const MINUTE = 60_000;
const REPLICAS: Path = ["spec", "replicas"];
const DELETED_KINDS = new Set(["ConfigMap", "Service", "Deployment"]);

export function createMeddling(dependencies: MeddlingDependencies): Meddling {
  const { store, queue, random, pods, controller, play } = dependencies;
  const autoscaled = new WeakMap<StoredObject, { usual: number; back: Scheduled }>();

  const choose = (namespace: string, wanted: ObjectName | undefined, kinds?: ReadonlySet<string>) => {
    const candidates = store
      .list(namespace)
      .filter(({ kind, name }) =>
        wanted === undefined ? (kinds?.has(kind) ?? true) : kind === wanted.kind && name === wanted.name,
      );
    return wanted === undefined ? pick(random, candidates) : candidates[0];
  };

  function autoscale(namespace: string, name: string): number | undefined {
    play();
    const stored = controller.workload(namespace, name)?.stored;
    if (stored === undefined) return undefined;
    const now = specOf(stored.live).replicas;
    if (now === 0) return undefined;
    const before = autoscaled.get(stored);
    queue.cancel(before?.back);
    const usual = before?.usual ?? now;
    const replicas = Math.max(1, usual + (pick(random, [-2, -1, 1, 2]) ?? 0));
    take(store, stored, REPLICAS, replicas);
    const back = queue.after(between(random, MINUTE, 10 * MINUTE), () => scaleBack(stored, replicas, usual));
    autoscaled.set(stored, { usual, back });
    return replicas;
  }

  function scaleBack(stored: StoredObject, from: number, to: number): void {
    autoscaled.delete(stored);
    const isThere = store.find(stored.namespace, stored.live) === stored;
    if (isThere && specOf(stored.live).replicas === from) take(store, stored, REPLICAS, to);
  }

  function editForeign(namespace: string, wanted?: EditKind): DoneEdit | undefined {
    play();
    const all = store.list(namespace).flatMap((stored) =>
      editsOf(stored, imagesOf(stored))
        .filter(({ edit }) => wanted === undefined || edit === wanted)
        .map((edit) => ({ stored, edit })),
    );
    const kinds = [...new Set(all.map(({ edit }) => edit.edit))];
    const kind = pick(random, kinds);
    const chosen = pick(
      random,
      all.filter(({ edit }) => edit.edit === kind),
    );
    if (chosen === undefined) return undefined;
    const { stored, edit } = chosen;
    take(store, stored, edit.path, edit.value);
    return { kind: stored.kind, name: stored.name, ...edit };
  }

  /** What ran under a workload before: somebody may go back to it by hand. */
  function imagesOf({ kind, namespace, name }: StoredObject): readonly string[] {
    if (kind !== "Deployment") return [];
    const sets = controller.workload(namespace, name)?.sets ?? [];
    return [...new Set(sets.map(({ template }) => template.image))];
  }

  const byName = ({ kind, name }: StoredObject): ObjectName => ({ kind, name });

  return {
    drainNode: () => {
      play();
      const node = pick(random, [...new Set(pods.all().map((pod) => pod.node))]);
      const lost = pods.all().filter((pod) => pod.node === node);
      for (const pod of lost) pods.remove(pod, "drain");
      return lost.map(({ name }) => name);
    },
    autoscale,
    editForeign,
    takeField: (namespace, object, path, value) => {
      play();
      const stored = choose(namespace, object);
      if (stored === undefined) throw new Error(`${object.kind} ${object.name} is not there.`);
      take(store, stored, path, value);
    },
    deleteForeign: (namespace, object) => {
      play();
      const stored = choose(namespace, object, DELETED_KINDS);
      if (stored === undefined) return undefined;
      store.remove(stored, "other");
      return byName(stored);
    },
    placeForeign: (namespace, target) => {
      play();
      const metadata = { name: `theirs-${target}`, namespace, labels: { [LABELS.target]: target } };
      const object = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { note: "of somebody else" } };
      if (store.find(namespace, object) === undefined) store.create(namespace, object, "other");
    },
    touch: (namespace, object) => {
      play();
      const stored = choose(namespace, object);
      if (stored === undefined) return undefined;
      store.bump(stored);
      return byName(stored);
    },
    killPod: () => {
      play();
      const pod = pick(random, pods.all());
      if (pod === undefined) return undefined;
      if (random() < 0.5) pods.crash(pod);
      else pods.remove(pod, "kill");
      return pod.name;
    },
  };
}
