import type { TableClient, TableEntity, TransactionAction } from "@azure/data-tables";
import type { Deployment } from "../../domain/deployment.ts";
import type { Target } from "../../domain/target.ts";
import type { Visit } from "../../domain/visit.ts";
import type { Clock } from "../../ports/clock.ts";
import type {
  BuildRecord,
  CheckReport,
  DeploymentStore,
  Listed,
  OpenHint,
  StoreChange,
  Versioned,
} from "../../ports/deployment-store.ts";
import { checkDone, checkRow } from "./check-answer.ts";
import { classifyTableError, isConflict, isMissing } from "./classify.ts";
import {
  afterFilter,
  bundleRow,
  dayPartition,
  deploymentRow,
  donePrefix,
  doneRow,
  listPartition,
  listRow,
  NOTES,
  OPEN,
  openRow,
  prefixFilter,
  reportRow,
  TARGET_ROW,
  visitPrefix,
  visitRow,
} from "./keys.ts";
import { bundleProperties, readBundleText, readText, textProperties } from "./rows.ts";
import { createTableClock } from "./table-clock.ts";

type Row = Record<string, unknown> & { etag: string };

/** One call to the table may take this long. */
const CALL_MS = 10_000;
const MAX_VISITS = 500;
const MAX_DONE = 50;
const BUILDS = "build";

/** State in Azure Table Storage, one table; a target's partition changes in one transaction. */
export function createTableStore(client: TableClient, local: Clock): DeploymentStore {
  const clock = createTableClock(local.now);
  const table = createCalls(client, (header, asked, received) => clock.observe(header, asked, received), local);
  const readVersioned = async <T>(partition: string, row: string): Promise<Versioned<T> | undefined> => {
    const found = await table.read(partition, row);
    return found === undefined ? undefined : { value: readText<T>(found), etag: found.etag };
  };
  return {
    readTarget: async (target) => {
      const record = await readVersioned<Target>(target, TARGET_ROW);
      return record === undefined ? { now: clock.now() } : { now: clock.now(), record };
    },
    readDeployment: (target, generation) => readVersioned<Deployment>(target, deploymentRow(generation)),
    save: (change) => table.transact(actionsOf(change)),
    putBundle: async (target, kind, id, content) => {
      const row = { partitionKey: target, rowKey: bundleRow(kind, id), ...bundleProperties(content) };
      // Content-addressed: a row that is there already holds the same. A release's gets another ETag all the same, so
      // that retention, which saw it before, does not take it away from whoever has just put it.
      if ((await table.insert(row)) === "saved" || kind === "policy") return;
      if ((await table.touch(target, row.rowKey)) === "absent") await table.insert(row);
    },
    readBundle: async (target, kind, id) => {
      const found = await table.read(target, bundleRow(kind, id));
      return found === undefined ? undefined : readBundleText(found);
    },
    readBuild: (key) => readVersioned<BuildRecord>(BUILDS, key),
    saveBuild: (record, etag) => {
      const row = { partitionKey: BUILDS, rowKey: record.key, ...textProperties(record) };
      return etag === undefined ? table.insert(row) : table.replace(row, etag);
    },
    readVisits: async (target, generation) =>
      (await table.list(prefixFilter(target, visitPrefix(generation)), MAX_VISITS)).map((row) => readText<Visit>(row)),
    listOfTarget: async (target, limit) =>
      (await table.list(prefixFilter(target, "deployment:"), limit)).map((row) => readText<Deployment>(row)),
    hintListed: async (target, generation, createdAt) => {
      const row = { partitionKey: listPartition(createdAt), rowKey: listRow(target, generation) };
      await table.insert({ ...row, ...textProperties({ target, generation }) });
    },
    hintOpen: async (target, generation, createdAt) => {
      const hint: OpenHint = { target, generation, createdAt, sequence: 0, times: 0, nextAt: 0 };
      await table.insert(openEntity(hint));
    },
    listOpen: async (limit, after) => {
      const filter = afterFilter(OPEN, after && openRow(after.target, after.generation));
      const rows = await table.list(filter, limit);
      return rows.map((row) => ({ value: readText<OpenHint>(row), etag: row.etag }));
    },
    saveOpen: (hint, etag) => table.replace(openEntity(hint), etag),
    removeOpen: ({ target, generation }, etag) => table.remove(OPEN, openRow(target, generation), etag),
    markDone: async (target, generation, what) => {
      await table.insert({ partitionKey: target, rowKey: doneRow(generation, what), ...textProperties({ what }) });
    },
    readDone: async (target, generation) => {
      const rows = await table.list(prefixFilter(target, donePrefix(generation)), MAX_DONE);
      return rows.map((row) => readText<{ what: string }>(row).what);
    },
    readNote: (name) => readVersioned<unknown>(NOTES, name),
    saveNote: (name, value, etag) => {
      const row = { partitionKey: NOTES, rowKey: name, ...textProperties(value) };
      return etag === undefined ? table.insert(row) : table.replace(row, etag);
    },
    listDay: async (day, limit, after) => {
      const filter = afterFilter(dayPartition(day), after && listRow(after.target, after.generation));
      return (await table.list(filter, limit)).map((row) => readText<Listed>(row));
    },
    readBundleEtag: async (target, kind, id) => (await table.read(target, bundleRow(kind, id)))?.etag,
    removeBundle: (target, kind, id, etag) => table.remove(target, bundleRow(kind, id), etag),
    saveReport: async (report) => {
      const row = { partitionKey: report.target, rowKey: reportRow(report.day) };
      await table.insert({ ...row, ...textProperties(report) });
    },
    readReport: async (target, day) => (await readVersioned<CheckReport>(target, reportRow(day)))?.value,
    ping: async () => {
      await table.read("health", "health");
    },
    listHints: async (days, limit, now) => {
      const hints: Listed[] = [];
      for (let day = 0; day < days && hints.length < limit; day++) {
        const filter = `PartitionKey eq '${listPartition(now - day * 86_400_000)}'`;
        const rows = await table.list(filter, limit - hints.length);
        hints.push(...rows.map((row) => readText<Listed>(row)));
      }
      return hints;
    },
  };
}

/** Creates the table where it does not exist yet. */
export async function ensureTable(client: TableClient): Promise<void> {
  await client.createTable({ abortSignal: AbortSignal.timeout(CALL_MS) }).catch((error: unknown) => {
    throw classifyTableError(error);
  });
}

function actionsOf({ target, record, deployments, visits }: StoreChange): TransactionAction[] {
  const row = (rowKey: string, value: unknown, etag: string | undefined): TransactionAction => {
    const entity = { partitionKey: target, rowKey, ...textProperties(value) } satisfies TableEntity;
    return etag === undefined ? ["create", entity] : ["update", entity, "Replace", { etag }];
  };
  return [
    ...(record === undefined ? [] : [row(TARGET_ROW, record.value, record.etag)]),
    ...deployments.map(({ value, etag }) => row(deploymentRow(value.generation), value, etag)),
    ...visits.map((visit) => row(visitRow(visit.generation, visit.sequence), visit, undefined)),
  ];
}

function openEntity(hint: OpenHint): TableEntity {
  return { partitionKey: OPEN, rowKey: openRow(hint.target, hint.generation), ...textProperties(hint) };
}

/** The six calls the store makes, with limits on time and one classifier. */
function createCalls(
  client: TableClient,
  observe: (date: string | undefined, askedAt: number, receivedAt: number) => void,
  local: Clock,
) {
  const call = async <T>(work: (options: CallOptions) => Promise<T>): Promise<T> => {
    const askedAt = local.now();
    const onResponse: CallOptions["onResponse"] = ({ headers }) => observe(headers.get("date"), askedAt, local.now());
    return work({ abortSignal: local.timeout(CALL_MS), onResponse });
  };
  const writing = (work: (options: CallOptions) => Promise<unknown>): Promise<"saved" | "conflict"> =>
    call(work).then(
      () => "saved",
      (error: unknown) => {
        if (isConflict(error)) return "conflict";
        throw classifyTableError(error);
      },
    );
  return {
    read: (partition: string, row: string): Promise<Row | undefined> =>
      call(async (options) =>
        checkRow(partition, row, await client.getEntity<Record<string, unknown>>(partition, row, options)),
      ).catch((error: unknown) => {
        if (isMissing(error)) return undefined;
        throw classifyTableError(error);
      }),
    insert: (entity: TableEntity) => writing((options) => client.createEntity(entity, options)),
    replace: (entity: TableEntity, etag: string) =>
      writing((options) => client.updateEntity(entity, "Replace", { ...options, etag })),
    /** Another ETag, and nothing else; also of a row that a newer Belay wrote. */
    touch: (partitionKey: string, rowKey: string): Promise<"touched" | "absent"> =>
      call((options) => client.updateEntity({ partitionKey, rowKey }, "Merge", { ...options, etag: "*" })).then(
        () => "touched",
        (error: unknown) => {
          if (isMissing(error)) return "absent";
          throw classifyTableError(error);
        },
      ),
    /** Gone, or changed since, is as good as removed. */
    remove: async (partition: string, row: string, etag: string): Promise<void> => {
      await call((options) => client.deleteEntity(partition, row, { ...options, etag })).catch((error: unknown) => {
        if (!isMissing(error) && !isConflict(error)) throw classifyTableError(error);
      });
    },
    transact: (actions: TransactionAction[]) =>
      writing(async (options) => checkDone(await client.submitTransaction(actions, options), actions.length)),
    list: (filter: string, limit: number): Promise<Row[]> =>
      call(async (options) => {
        const pages = client.listEntities<Record<string, unknown>>({ ...options, queryOptions: { filter } });
        const rows: Row[] = [];
        for await (const page of pages.byPage({ maxPageSize: Math.min(limit, 1_000) })) {
          rows.push(...(page as Row[]));
          if (rows.length >= limit) break;
        }
        return rows.slice(0, limit);
      }).catch((error: unknown) => {
        throw classifyTableError(error);
      }),
  };
}

interface CallOptions {
  abortSignal: AbortSignal;
  onResponse: (response: { headers: { get(name: string): string | undefined } }) => void;
}
