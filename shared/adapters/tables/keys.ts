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
  return `list-${new Date(epochMs).toISOString().slice(0, 10)}`;
}

export function listRow(target: string, generation: number): string {
  return `${newestFirst(generation)}:${target}`;
}

/** The range filter of all rows that begin with a prefix; both are quoted, whatever they hold. */
export function prefixFilter(partition: string, prefix: string): string {
  const last = prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
  return odata`PartitionKey eq ${partition} and RowKey ge ${prefix} and RowKey lt ${last}`;
}
