import type { Deployment } from "../../shared/domain/deployment.ts";
import type { Target } from "../../shared/domain/target.ts";
import type { Visit } from "../../shared/domain/visit.ts";
import type {
  BuildRecord,
  CheckReport,
  DeploymentStore,
  Listed,
  OpenHint,
  StoreChange,
  Versioned,
} from "../../shared/ports/deployment-store.ts";

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
  const insert = (key: string, value: unknown) => {
    counts.writes += 1;
    if (!rows.has(key)) write(key, value);
  };
  const replace = (key: string, value: unknown, etag: string | undefined) => {
    counts.writes += 1;
    if (!fits(key, etag)) return "conflict";
    write(key, value);
    return "saved";
  };
  const listed = <T extends Listed>(prefix: string, limit: number, after?: Listed): Versioned<T>[] => {
    const name = (one: Listed) => `${one.target}:${String(9_999_999_999 - one.generation).padStart(10, "0")}`;
    return [...rows]
      .filter(([key]) => key.startsWith(prefix))
      .map(([, row]) => ({ value: JSON.parse(row.value) as T, etag: row.etag }))
      .sort((a, b) => (name(a.value) < name(b.value) ? -1 : 1))
      .filter(({ value }) => after === undefined || name(value) > name(after))
      .slice(0, limit);
  };
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
    hintOpen: async (target, generation, createdAt) =>
      insert(`open|open:${target}:${generation}`, {
        ...{ target, generation, createdAt },
        ...{ sequence: 0, times: 0, nextAt: 0 },
      }),
    listOpen: async (limit, after) => listed<OpenHint>("open|", limit, after),
    saveOpen: async (hint, etag) => replace(`open|open:${hint.target}:${hint.generation}`, hint, etag),
    removeOpen: async ({ target, generation }, etag) => {
      const key = `open|open:${target}:${generation}`;
      if (fits(key, etag)) rows.delete(key);
    },
    markDone: async (target, generation, what) => insert(`${target}|done:${generation}:${what}`, { generation, what }),
    readDone: async (target, generation) =>
      [...rows]
        .filter(([key]) => key.startsWith(`${target}|done:${generation}:`))
        .map(([, row]) => (JSON.parse(row.value) as { what: string }).what),
    readNote: async (name) => read(`note|note:${name}`),
    saveNote: async (name, value, etag) => replace(`note|note:${name}`, value, etag),
    listDay: async (day, limit, after) =>
      listed<Listed & { createdAt: number }>("list|", Number.POSITIVE_INFINITY, after)
        .filter(({ value }) => new Date(value.createdAt).toISOString().startsWith(day))
        .slice(0, limit)
        .map(({ value: { target, generation } }) => ({ target, generation })),
    readBundleEtag: async (target, kind, id) => rows.get(`${target}|bundle-${kind}:${id}`)?.etag,
    removeBundle: async (target, kind, id, etag) => {
      if (fits(`${target}|bundle-${kind}:${id}`, etag)) rows.delete(`${target}|bundle-${kind}:${id}`);
    },
    saveReport: async (report) => insert(`${report.target}|report:${report.day}`, report),
    readReport: async (target, day) => read<CheckReport>(`${target}|report:${day}`)?.value,
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
