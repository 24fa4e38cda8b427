import { RestError, type TableClient, type TableEntity, type TransactionAction } from "@azure/data-tables";

/** A table in memory for the unmodified store: ETags, all-or-nothing transactions, the table's own Date header. */
export interface MemoryTable {
  /** Only what the store calls; all else is not there. */
  client: TableClient;
  /** Every row, with the properties as they were written. */
  rows(): readonly TableEntity<Record<string, unknown>>[];
}

type Row = TableEntity<Record<string, unknown>> & { etag: string };

interface Asked {
  onResponse?: (response: { headers: { get(name: string): string | undefined } }) => void;
  etag?: string;
}

export function createMemoryTable(now: () => number): MemoryTable {
  let rows = new Map<string, Row>();
  let etags = 0;
  const answer = ({ onResponse }: Asked) =>
    onResponse?.({ headers: { get: (name) => (name === "date" ? new Date(now()).toUTCString() : undefined) } });
  const put = (entity: TableEntity<Record<string, unknown>>) => {
    etags += 1;
    rows.set(keyOf(entity), { ...structuredClone(entity), etag: `W/"${etags}"` });
  };
  const check = (key: string, etag: string | undefined) => {
    const known = rows.get(key);
    if (known === undefined) throw refusal(404, "ResourceNotFound");
    if (etag !== "*" && etag !== known.etag) throw refusal(412, "UpdateConditionNotSatisfied");
  };
  const create = (entity: TableEntity<Record<string, unknown>>) => {
    if (rows.has(keyOf(entity))) throw refusal(409, "EntityAlreadyExists");
    put(entity);
  };
  const update = (entity: TableEntity<Record<string, unknown>>, etag: string | undefined) => {
    check(keyOf(entity), etag);
    put(entity);
  };
  const act = (action: TransactionAction) => {
    if (action[0] === "create") create(action[1]);
    else if (action[0] === "update") update(action[1], action[3]?.etag);
    else throw new Error(`The table in memory does not ${action[0]} in a transaction.`);
  };
  const client = {
    getEntity: async (partitionKey: string, rowKey: string, asked: Asked) => {
      answer(asked);
      const row = rows.get(keyOf({ partitionKey, rowKey }));
      if (row === undefined) throw refusal(404, "ResourceNotFound");
      return structuredClone(row);
    },
    createEntity: async (entity: TableEntity<Record<string, unknown>>, asked: Asked) => {
      answer(asked);
      create(entity);
    },
    updateEntity: async (entity: TableEntity<Record<string, unknown>>, mode: "Replace" | "Merge", asked: Asked) => {
      answer(asked);
      update(mode === "Merge" ? { ...rows.get(keyOf(entity)), ...entity } : entity, asked.etag);
    },
    deleteEntity: async (partitionKey: string, rowKey: string, asked: Asked) => {
      answer(asked);
      check(keyOf({ partitionKey, rowKey }), asked.etag);
      rows.delete(keyOf({ partitionKey, rowKey }));
    },
    submitTransaction: async (actions: readonly TransactionAction[], asked: Asked) => {
      answer(asked);
      const before = new Map(rows);
      try {
        for (const action of actions) act(action);
      } catch (error) {
        rows = before;
        throw error;
      }
      return { status: 202, subResponses: actions.map(() => ({ status: 204 })) };
    },
    listEntities: (asked: Asked & { queryOptions: { filter: string } }) => ({
      byPage: async function* ({ maxPageSize }: { maxPageSize: number }) {
        answer(asked);
        const found = [...rows.values()].filter(fits(asked.queryOptions.filter)).sort(byKey);
        for (let at = 0; at < found.length; at += maxPageSize) yield structuredClone(found.slice(at, at + maxPageSize));
      },
    }),
  };
  return { client: client as unknown as TableClient, rows: () => [...rows.values()].sort(byKey) };
}

const keyOf = ({ partitionKey, rowKey }: TableEntity): string => `${partitionKey}|${rowKey}`;
const byKey = (a: TableEntity, b: TableEntity): number => (keyOf(a) < keyOf(b) ? -1 : 1);

function refusal(statusCode: number, code: string): RestError {
  return new RestError(code, { statusCode, code });
}

const COMPARE: Readonly<Record<string, (a: string, b: string) => boolean>> = {
  eq: (a, b) => a === b,
  ge: (a, b) => a >= b,
  gt: (a, b) => a > b,
  lt: (a, b) => a < b,
};

/** The filters that the store makes: keys compared with texts that hold no quotes. */
function fits(filter: string): (row: Row) => boolean {
  const clauses = filter.split(" and ").map((clause) => {
    const [, key, compare = "", text = ""] = /^(PartitionKey|RowKey) (\w\w) '([^']*)'$/.exec(clause) ?? [];
    const holds = COMPARE[compare];
    if (holds === undefined) throw new Error(`The table in memory does not know the filter ${clause}.`);
    return (row: Row) => holds(key === "RowKey" ? row.rowKey : row.partitionKey, text);
  });
  return (row) => clauses.every((clause) => clause(row));
}
