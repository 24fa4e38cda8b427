import type { Deployment } from "../../../shared/domain/deployment.ts";
import type { Target } from "../../../shared/domain/target.ts";
import type { Visit } from "../../../shared/domain/visit.ts";
import type { Row, RowChange } from "../world/table.ts";

/** Rows are never changed in place. */
const read = new WeakMap<Row, unknown>();

/** What a row holds; the next build's waiting records are called Parked. */
export function readRow<T>(row: Row | undefined): T | undefined {
  if (row === undefined) return undefined;
  const known = read.get(row);
  if (known !== undefined) return known as T;
  let text = "";
  for (let chunk = 0; typeof row[`json${chunk}`] === "string"; chunk++) text += String(row[`json${chunk}`]);
  const value: unknown = JSON.parse(text);
  read.set(row, value);
  return value as T;
}

/** One transaction, taken apart. */
export interface Transaction {
  target: string;
  record?: { before: Target | undefined; after: Target };
  deployments: readonly { before: Deployment | undefined; after: Deployment }[];
  /** Entries of the history that were written with it. */
  visits: readonly Visit[];
}

/** The target and records that a transaction wrote; undefined: it wrote none. */
export function readTransaction(changes: readonly RowChange[]): Transaction | undefined {
  const target = changes[0]?.partition ?? "";
  const deployments = changes.flatMap(({ row, before, after }) => {
    if (!row.startsWith("deployment:") || after === undefined) return [];
    return [{ before: toDeployment(before), after: toDeployment(after) as Deployment }];
  });
  const visits = changes.flatMap(({ row, after }) => {
    const visit = row.startsWith("visit:") ? readRow<Visit>(after) : undefined;
    return visit === undefined ? [] : [visit];
  });
  const own = changes.find(({ row }) => row === "target");
  if (own?.after === undefined) return deployments.length === 0 ? undefined : { target, deployments, visits };
  const record = { before: readRow<Target>(own.before), after: readRow<Target>(own.after) as Target };
  return { target, deployments, visits, record };
}

function toDeployment(row: Row | undefined): Deployment | undefined {
  const record = readRow<{ phase: string }>(row);
  return (record?.phase === "Parked" ? { ...record, phase: "Waiting" } : record) as Deployment | undefined;
}
