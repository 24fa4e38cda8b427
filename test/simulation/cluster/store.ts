import { ANNOTATIONS, isAutoscaled, isWorkload, type KubernetesObject } from "../../../shared/domain/release.ts";
import { parseToken } from "../../../shared/domain/token.ts";
import type { ObservedObject, ObservedReplicas } from "../../../shared/ports/cluster.ts";
import { adopt, type Path } from "./frozen-json.ts";

/** Who changed something. */
export type Actor = "belay" | "other";

/** An object as the API server keeps it; everything frozen, replaced on every change. */
export interface StoredObject {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  /** What Belay applied last. */
  config: KubernetesObject;
  /** That, and what other field managers made of it. */
  live: KubernetesObject;
  /** Fields that other field managers own. */
  readonly foreign: Map<string, Path>;
  version: number;
  generation: number;
  observed: ObservedObject | undefined;
}

/** An effective write: `before` is undefined of a created object, `after` of a removed one. */
export interface Write {
  stored: StoredObject;
  before: KubernetesObject | undefined;
  after: KubernetesObject | undefined;
  by: Actor;
}

type Reference = Pick<KubernetesObject, "apiVersion" | "kind" | "metadata">;

/** The objects of all namespaces under one resourceVersion that only rises, as in etcd. */
export interface Store {
  find(namespace: string, reference: Reference): StoredObject | undefined;
  list(namespace: string): readonly StoredObject[];
  all(): readonly StoredObject[];
  create(namespace: string, config: KubernetesObject, by: Actor): StoredObject;
  /** What is equal to what is there changes nothing. `live` shares its equal parts with what was live. */
  put(stored: StoredObject, config: KubernetesObject, live: KubernetesObject, by: Actor): void;
  /** Another resourceVersion with nothing changed that Belay looks at: a status, a controller's note. */
  bump(stored: StoredObject): void;
  remove(stored: StoredObject, by: Actor): void;
  onWrite(listener: (write: Write) => void): void;
}

const keyOf = ({ apiVersion, kind, metadata }: Reference): string => `${apiVersion}/${kind}/${metadata.name}`;

export function createStore(): Store {
  const spaces = new Map<string, Map<string, StoredObject>>();
  const listeners: ((write: Write) => void)[] = [];
  let versions = 1;

  const tell = (write: Write) => {
    for (const listener of listeners) listener(write);
  };
  const bump = (stored: StoredObject) => {
    versions += 1;
    stored.version = versions;
    stored.observed = undefined;
  };
  const spaceOf = (namespace: string): Map<string, StoredObject> => {
    const known = spaces.get(namespace);
    if (known !== undefined) return known;
    const space = new Map<string, StoredObject>();
    spaces.set(namespace, space);
    return space;
  };
  return {
    find: (namespace, reference) => spaces.get(namespace)?.get(keyOf(reference)),
    list: (namespace) => [...(spaces.get(namespace)?.values() ?? [])],
    all: () => [...spaces.values()].flatMap((space) => [...space.values()]),
    create: (namespace, given, by) => {
      const config = adopt(given, undefined);
      versions += 1;
      const { kind, metadata } = config;
      const stored: StoredObject = {
        ...{ namespace, kind, name: metadata.name, uid: `uid-${versions}` },
        ...{ config, live: config, foreign: new Map() },
        ...{ version: versions, generation: 1, observed: undefined },
      };
      spaceOf(namespace).set(keyOf(config), stored);
      tell({ stored, before: undefined, after: config, by });
      return stored;
    },
    put: (stored, config, live, by) => {
      const before = stored.live;
      stored.config = config;
      if (live === before) return;
      stored.live = live;
      if (isWanted(before, live)) stored.generation += 1;
      bump(stored);
      tell({ stored, before, after: live, by });
    },
    bump,
    remove: (stored, by) => {
      spaces.get(stored.namespace)?.delete(keyOf(stored.live));
      tell({ stored, before: stored.live, after: undefined, by });
    },
    onWrite: (listener) => void listeners.push(listener),
  };
}

/** A Deployment's generation rises with its annotations too, so with every token. */
function isWanted(before: KubernetesObject, after: KubernetesObject): boolean {
  if (before["spec"] !== after["spec"]) return true;
  return after.kind === "Deployment" && before.metadata.annotations !== after.metadata.annotations;
}

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

/** What the port says of an object. */
export function observe(stored: StoredObject): ObservedObject {
  stored.observed ??= Object.freeze({
    uid: stored.uid,
    resourceVersion: String(stored.version),
    token: parseToken(stored.live.metadata.annotations?.[ANNOTATIONS.token] ?? ""),
    labels: stored.live.metadata.labels ?? NO_LABELS,
    ...(isWorkload(stored) ? { replicas: replicasOf(stored.live) } : {}),
  });
  return stored.observed;
}

function replicasOf(live: KubernetesObject): ObservedReplicas {
  const { replicas } = (live["spec"] ?? {}) as { replicas?: number };
  return { count: replicas ?? 1, autoscaled: isAutoscaled(live), owners: [] };
}
