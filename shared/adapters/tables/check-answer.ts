import type { TableTransactionResponse } from "@azure/data-tables";
import { PermanentError, TransientError } from "../../domain/errors.ts";

/** @throws PermanentError when a row is another one than was asked for: what stands between may mix up answers. */
export function checkRow<T extends { partitionKey?: unknown; rowKey?: unknown }>(
  partition: string,
  row: string,
  found: T,
): T {
  if (found.partitionKey === partition && found.rowKey === row) return found;
  throw new PermanentError("bad-answer", "The table answered with another row than it was asked for.");
}

/**
 * The SDK takes whatever answers 2xx for a transaction that was done, a portal's page too; the table says of each action
 * that it was.
 * @throws TransientError: what became of it is found out by reading again.
 */
export function checkDone({ subResponses }: TableTransactionResponse, actions: number): void {
  if (subResponses.length === actions && subResponses.every(({ status }) => status >= 200 && status < 300)) return;
  throw new TransientError("bad-answer", "The table's answer does not say that the transaction was done.");
}
