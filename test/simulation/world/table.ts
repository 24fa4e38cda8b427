import { RestError, type TableClient, type TableEntity, type TransactionAction } from "@azure/data-tables";

export type Row = TableEntity<Record<string, unknown>> & { etag: string };

/** One row that changed. */
export interface RowChange {
  partition: string;
  row: string;
  before: Row | undefined;
  after: Row | undefined;
  /** The ETag the write carried; undefined: an insert. */
  etag: string | undefined;
}

/** A table in memory: ETags, all-or-nothing transactions, ranges. Every call takes effect at once. */
export interface SimulatedTable {
  /** One worker's client; `call` decides when and whether a call takes effect, and what its caller hears. */
  client(call: <T>(point: string, effect: () => T) => Promise<T>): TableClient;
  /** Told of every transaction's changes. */
  onWrite(listener: (changes: readonly RowChange[]) => void): void;
  rows(partition: string): readonly Row[];
}

interface Asked {
  onResponse?: (response: { headers: { get(name: string): string | undefined } }) => void;
  etag?: string;
}

type Entity = TableEntity<Record<string, unknown>>;

export function createSimulatedTable(now: () => number): SimulatedTable {
  const partitions = new Map<string, Map<string, Row>>();
  const listeners: ((changes: readonly RowChange[]) => void)[] = [];
  let etags = 0;
  const find = ({ partitionKey, rowKey }: TableEntity) => partitions.get(partitionKey)?.get(rowKey);
  let second = { at: -1, text: "" };
  const date = (name: string) => {
    const at = Math.floor(now() / 1000);
    if (second.at !== at) second = { at, text: new Date(at * 1000).toUTCString() };
    return name === "date" ? second.text : undefined;
  };
  const answer = ({ onResponse }: Asked) => onResponse?.({ headers: { get: date } });

  const check = (entity: TableEntity, etag: string | undefined): Row => {
    const known = find(entity);
    if (known === undefined) throw refusal(404, "ResourceNotFound");
    if (etag !== "*" && etag !== known.etag) throw refusal(412, "UpdateConditionNotSatisfied");
    return known;
  };
  const plan = (entity: Entity, etag: string | undefined, kind: "create" | "update" | "delete"): RowChange => {
    const { partitionKey: partition, rowKey: row } = entity;
    if (kind === "create") {
      if (find(entity) !== undefined) throw refusal(409, "EntityAlreadyExists");
      return { partition, row, before: undefined, after: stamp(entity), etag: undefined };
    }
    const before = check(entity, etag);
    return { partition, row, before, after: kind === "delete" ? undefined : stamp(entity), etag };
  };
  const stamp = (entity: Entity): Row => {
    etags += 1;
    return { ...entity, etag: `W/"${etags}"` };
  };
  const write = (changes: readonly RowChange[]): void => {
    for (const { partition, row, after } of changes) {
      const rows = partitions.get(partition) ?? new Map<string, Row>();
      partitions.set(partition, rows);
      if (after === undefined) rows.delete(row);
      else rows.set(row, after);
    }
    for (const listener of listeners) listener(changes);
  };
  const transact = (actions: readonly TransactionAction[]): readonly RowChange[] =>
    actions.map((action) => {
      if (action[0] === "create") return plan(action[1], undefined, "create");
      if (action[0] === "update") return plan(action[1], action[3]?.etag, "update");
      throw new Error(`The simulated table does not ${action[0]} in a transaction.`);
    });
  const list = (filter: string): Row[] => {
    const { partition, fits } = readFilter(filter);
    return [...(partitions.get(partition)?.values() ?? [])]
      .filter(({ rowKey }) => fits(rowKey))
      .sort((a, b) => (a.rowKey < b.rowKey ? -1 : 1));
  };

  return {
    onWrite: (listener) => void listeners.push(listener),
    rows: (partition) => [...(partitions.get(partition)?.values() ?? [])],
    client: (call) => {
      const client = {
        getEntity: (partitionKey: string, rowKey: string, asked: Asked) =>
          call("table.get", () => {
            answer(asked);
            const row = find({ partitionKey, rowKey });
            if (row === undefined) throw refusal(404, "ResourceNotFound");
            return { ...row };
          }),
        createEntity: (entity: Entity, asked: Asked) =>
          call("table.insert", () => {
            answer(asked);
            write([plan(entity, undefined, "create")]);
          }),
        updateEntity: (entity: Entity, mode: "Replace" | "Merge", asked: Asked) =>
          call(mode === "Merge" ? "table.merge" : "table.replace", () => {
            answer(asked);
            write([plan(mode === "Merge" ? { ...find(entity), ...entity } : entity, asked.etag, "update")]);
          }),
        deleteEntity: (partitionKey: string, rowKey: string, asked: Asked) =>
          call("table.delete", () => {
            answer(asked);
            write([plan({ partitionKey, rowKey }, asked.etag, "delete")]);
          }),
        submitTransaction: (actions: readonly TransactionAction[], asked: Asked) =>
          call("table.transact", () => {
            answer(asked);
            write(transact(actions));
            return { status: 202, subResponses: actions.map(() => ({ status: 204 })) };
          }),
        listEntities: (asked: Asked & { queryOptions: { filter: string } }) => ({
          byPage: async function* ({ maxPageSize }: { maxPageSize: number }) {
            const found = await call("table.list", () => {
              answer(asked);
              return list(asked.queryOptions.filter);
            });
            for (let at = 0; at < found.length; at += maxPageSize) yield found.slice(at, at + maxPageSize);
          },
        }),
      };
      return client as unknown as TableClient;
    },
  };
}

function refusal(statusCode: number, code: string): RestError {
  return new RestError(code, { statusCode, code });
}

const COMPARE: Readonly<Record<string, (a: string, b: string) => boolean>> = {
  ge: (a, b) => a >= b,
  gt: (a, b) => a > b,
  lt: (a, b) => a < b,
};

/** The filters that the store makes: one partition, and a range of its rows. */
function readFilter(filter: string): { partition: string; fits: (row: string) => boolean } {
  const [first = "", ...ranges] = filter.split(" and ");
  const partition = /^PartitionKey eq '([^']*)'$/.exec(first)?.[1];
  if (partition === undefined) throw new Error(`The simulated table does not know the filter ${filter}.`);
  const tests = ranges.map((clause) => {
    const [, compare = "", text = ""] = /^RowKey (\w\w) '([^']*)'$/.exec(clause) ?? [];
    const holds = COMPARE[compare];
    if (holds === undefined) throw new Error(`The simulated table does not know the filter ${clause}.`);
    return (row: string) => holds(row, text);
  });
  return { partition, fits: (row) => tests.every((test) => test(row)) };
}
