import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import Long from "long";
import { sequenceNumberOf } from "./from-set-aside.ts";
import { asked } from "./receiver.ts";

/** One look brings so many messages of at most 256 KB. */
const PAGE = 10;
/** No further page is asked of a place after so many bytes. */
const MAX_BYTES = 4 * 1024 * 1024;

/** Messages of one place, oldest first, at most `limit`. Throws TransientError, PermanentError. */
export async function peek(
  receiver: ServiceBusReceiver,
  limit: number,
  until: AbortSignal,
): Promise<readonly ServiceBusReceivedMessage[]> {
  const found: ServiceBusReceivedMessage[] = [];
  let bytes = 0;
  let from = Long.ZERO;
  while (found.length < limit && bytes < MAX_BYTES) {
    const count = Math.min(PAGE, limit - found.length);
    const options = { fromSequenceNumber: from, abortSignal: until };
    const page = await asked(() => receiver.peekMessages(count, options), until);
    const last = page.at(-1);
    // A short page is not the last one: only an empty one is.
    if (last === undefined) return found;
    found.push(...page);
    bytes += page.reduce((sum, { body }) => sum + (Buffer.isBuffer(body) ? body.byteLength : 0), 0);
    from = sequenceNumberOf(last).add(1);
  }
  return found.slice(0, limit);
}

/** The message of that sequence number; undefined: it is not there. Throws TransientError, PermanentError. */
export async function peekAt(
  receiver: ServiceBusReceiver,
  sequenceNumber: string,
  until: AbortSignal,
): Promise<ServiceBusReceivedMessage | undefined> {
  const number = toLong(sequenceNumber);
  if (number === undefined) return undefined;
  const options = { fromSequenceNumber: number, abortSignal: until };
  const [first] = await asked(() => receiver.peekMessages(1, options), until);
  return first !== undefined && sequenceNumberOf(first).equals(number) ? first : undefined;
}

/** Undefined: no sequence number is written like that. */
function toLong(text: string): Long | undefined {
  const number = /^\d{1,19}$/.test(text) ? Long.fromString(text) : undefined;
  return number?.toString() === text ? number : undefined;
}
