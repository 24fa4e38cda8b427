import type { KubeObject } from "./objects.ts";
import { allResources, type Resource } from "./resources.ts";
import { expired } from "./status-error.ts";

/** One write, as watches tell it. */
export interface Change {
  revision: number;
  type: "ADDED" | "MODIFIED" | "DELETED";
  resource: Resource;
  /** The object after the write; for a deletion its last state, with the revision of the deletion. */
  object: KubeObject;
  previous: KubeObject | undefined;
}

/** All objects with one revision counter and the recent history; stored objects are never changed in place. */
export interface Store {
  revision(): number;
  get<T extends KubeObject>(resource: Resource<T>, namespace: string | undefined, name: string): T | undefined;
  /** In order of creation; every namespace when none is given. */
  list<T extends KubeObject>(resource: Resource<T>, namespace?: string): T[];
  /** The list as it stood at a revision, sorted by namespace and name; throws 410 when history no longer reaches back. */
  listAt<T extends KubeObject>(resource: Resource<T>, namespace: string | undefined, revision: number): T[];
  /** Stores the object under the next revision, or takes it out, and tells every subscriber before it returns. */
  write<T extends KubeObject>(type: Change["type"], resource: Resource<T>, object: T): T;
  /** Writes after a revision, oldest first; throws 410 when history no longer reaches back. */
  changesSince(revision: number): Change[];
  subscribe(listener: (change: Change) => void): () => void;
}

// No object ever has a small resourceVersion: an apply with "1" is create-only.
const FIRST_REVISION = 100;
const HISTORY = 1_000;

/** An empty store; `history` is how many writes watches can go back. */
export function createStore(history = HISTORY): Store {
  const tables = new Map<Resource, Map<string, KubeObject>>(allResources.map((resource) => [resource, new Map()]));
  const listeners = new Set<(change: Change) => void>();
  let changes: Change[] = [];
  let revision = FIRST_REVISION;
  let oldest = FIRST_REVISION;

  const table = <T extends KubeObject>(resource: Resource<T>): Map<string, T> => {
    const found = tables.get(resource);
    if (found === undefined) throw new Error(`no table for ${resource.plural}`);
    // What a table holds was checked against the schema of its own kind before it was written.
    return found as Map<string, T>;
  };
  const changesSince = (since: number): Change[] => {
    if (since < oldest) throw expired(since, oldest);
    return changes.filter((change) => change.revision > since);
  };
  const remember = (change: Change): void => {
    changes.push(change);
    if (changes.length <= history) return;
    // Dropped by the quarter, so that a full log is not copied at every write.
    const dropped = Math.max(1, Math.floor(history / 4));
    oldest = changes[dropped - 1]?.revision ?? oldest;
    changes = changes.slice(dropped);
  };

  function listAt<T extends KubeObject>(resource: Resource<T>, namespace: string | undefined, at: number): T[] {
    const past = new Map(table(resource));
    for (const change of changesSince(at).reverse()) {
      if (change.resource !== resource) continue;
      const key = pathOf(change.object);
      if (change.previous === undefined) past.delete(key);
      // It stood in this very table.
      else past.set(key, change.previous as T);
    }
    return inNamespace([...past.values()], namespace).sort((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1));
  }

  function write<T extends KubeObject>(type: Change["type"], resource: Resource<T>, object: T): T {
    revision += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
    const key = pathOf(object);
    const previous = table(resource).get(key);
    if (type === "DELETED") table(resource).delete(key);
    else table(resource).set(key, stored);
    const change: Change = { revision, type, resource, object: stored, previous };
    remember(change);
    for (const listener of [...listeners]) listener(change);
    return stored;
  }

  return {
    revision: () => revision,
    get: (resource, namespace, name) => table(resource).get(keyOf(namespace, name)),
    list: (resource, namespace) => inNamespace([...table(resource).values()], namespace),
    listAt,
    write,
    changesSince,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

const keyOf = (namespace: string | undefined, name: string): string => `${namespace ?? ""}/${name}`;

const pathOf = ({ metadata }: KubeObject): string => keyOf(metadata.namespace, metadata.name);

function inNamespace<T extends KubeObject>(objects: T[], namespace: string | undefined): T[] {
  return namespace === undefined ? objects : objects.filter(({ metadata }) => metadata.namespace === namespace);
}
