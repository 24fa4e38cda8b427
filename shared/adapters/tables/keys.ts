import { odata } from "@azure/data-tables";

/** Larger than any generation or epoch second Belay will see; row keys count down from it so that the newest sorts first. */
const CEILING = 9_999_999_999;

/** Ten digits that sort newest first. */
export function newestFirst(value: number): string {
  return String(CEILING - value).padStart(10, "0");
}

export const TARGET_ROW = "target";

export function deploymentRow(generation: number): string {
  return `deployment:${newestFirst(generation)}`;
}

/** Within a deployment the history sorts oldest first. */
export function visitRow(generation: number, sequence: number): string {
  return `${visitPrefix(generation)}${String(sequence).padStart(8, "0")}`;
}

export function visitPrefix(generation: number): string {
  return `visit:${newestFirst(generation)}:`;
}

export function bundleRow(kind: "release" | "policy", id: string): string {
  return `${kind}:${id}`;
}

/** The partition of a day's list, and the hint's row in it. */
export function listPartition(epochMs: number): string {
  return dayPartition(new Date(epochMs).toISOString().slice(0, 10));
}

export function dayPartition(day: string): string {
  return `list-${day}`;
}

export function listRow(target: string, generation: number): string {
  return `${newestFirst(generation)}:${target}`;
}

/** The one partition of every hint of an open deployment. */
export const OPEN = "open";

export function openRow(target: string, generation: number): string {
  return `${target}:${newestFirst(generation)}`;
}

export function doneRow(generation: number, what: string): string {
  return `${donePrefix(generation)}${what}`;
}

export function donePrefix(generation: number): string {
  return `done:${newestFirst(generation)}:`;
}

/** The partition of what timers go on from; a name is a row of its own. */
export const NOTES = "note";

export function reportRow(day: string): string {
  return `report:${day}`;
}

/** The range filter of the rows of a partition after one of them. */
export function afterFilter(partition: string, row: string | undefined): string {
  return row === undefined
    ? odata`PartitionKey eq ${partition}`
    : odata`PartitionKey eq ${partition} and RowKey gt ${row}`;
}

/** The range filter of all rows that begin with a prefix; both are quoted, whatever they hold. */
export function prefixFilter(partition: string, prefix: string): string {
  const last = prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
  return odata`PartitionKey eq ${partition} and RowKey ge ${prefix} and RowKey lt ${last}`;
}
