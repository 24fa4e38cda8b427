import type { Deployment } from "../../shared/domain/deployment.ts";
import type { Target } from "../../shared/domain/target.ts";
import type { Visit } from "../../shared/domain/visit.ts";
import type { BuildRecord, DeploymentStore, StoreChange, Versioned } from "../../shared/ports/deployment-store.ts";

/** The table in memory: ETags and all-or-nothing transactions as the real one has them. */
export interface FakeStore extends DeploymentStore {
  targets(): readonly Target[];
  deployments(): readonly Deployment[];
  visits(): readonly Visit[];
  /** Exact counters: reads, transactions. */
  counts: { reads: number; writes: number };
}

export function createFakeStore(now: () => number): FakeStore {
  const rows = new Map<string, Versioned<string>>();
  const counts = { reads: 0, writes: 0 };
  let etags = 0;
  const read = <T>(key: string): Versioned<T> | undefined => {
    counts.reads += 1;
    const row = rows.get(key);
    return row === undefined ? undefined : { value: JSON.parse(row.value) as T, etag: row.etag };
  };
  const fits = (key: string, etag: string | undefined) => rows.get(key)?.etag === etag;
  const write = (key: string, value: unknown) => rows.set(key, { value: JSON.stringify(value), etag: `e${++etags}` });
  const all = <T>(kind: string): T[] =>
    [...rows].filter(([key]) => key.includes(`|${kind}:`)).map(([, row]) => JSON.parse(row.value) as T);
  const changesOf = ({ target, record, deployments, visits }: StoreChange) => [
    ...(record === undefined ? [] : [{ key: `${target}|target:`, value: record.value, etag: record.etag }]),
    ...deployments.map(({ value, etag }) => ({ key: `${target}|deployment:${value.generation}`, value, etag })),
    ...visits.map((value) => ({
      key: `${target}|visit:${value.generation}:${value.sequence}`,
      value,
      etag: undefined,
    })),
  ];
  return {
    counts,
    readTarget: async (target) => {
      const record = read<Target>(`${target}|target:`);
      return record === undefined ? { now: now() } : { now: now(), record };
    },
    readDeployment: async (target, generation) => read<Deployment>(`${target}|deployment:${generation}`),
    save: async (change) => {
      counts.writes += 1;
      const changes = changesOf(change);
      if (!changes.every(({ key, etag }) => fits(key, etag))) return "conflict";
      for (const { key, value } of changes) write(key, value);
      return "saved";
    },
    putBundle: async (target, kind, id, content) => {
      counts.writes += 1;
      write(`${target}|bundle-${kind}:${id}`, content);
    },
    readBundle: async (target, kind, id) => read<string>(`${target}|bundle-${kind}:${id}`)?.value,
    readBuild: async (key) => read<BuildRecord>(`build|build:${key}`),
    saveBuild: async (record, etag) => {
      counts.writes += 1;
      if (!fits(`build|build:${record.key}`, etag)) return "conflict";
      write(`build|build:${record.key}`, record);
      return "saved";
    },
    readVisits: async (target, generation) =>
      all<Visit>("visit")
        .filter((visit) => visit.target === target && visit.generation === generation)
        .sort((a, b) => a.sequence - b.sequence),
    listOfTarget: async (target, limit) =>
      all<Deployment>("deployment")
        .filter((deployment) => deployment.target === target)
        .sort((a, b) => b.generation - a.generation)
        .slice(0, limit),
    hintListed: async (target, generation, createdAt) => {
      counts.writes += 1;
      write(`list|hint:${target}:${generation}`, { target, generation, createdAt });
    },
    ping: async () => {},
    listHints: async (days, limit, at) =>
      all<{ target: string; generation: number; createdAt: number }>("hint")
        .filter(({ createdAt }) => createdAt > at - days * 86_400_000)
        .sort((a, b) => b.createdAt - a.createdAt || b.generation - a.generation)
        .slice(0, limit)
        .map(({ target, generation }) => ({ target, generation })),
    targets: () => all<Target>("target"),
    deployments: () => all<Deployment>("deployment"),
    visits: () => all<Visit>("visit"),
  };
}
