import { inspect } from "node:util";
import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import * as z from "zod";
import { TransientError } from "../../domain/errors.ts";
import type { DeadLetter } from "../../ports/dead-letters.ts";

/** The queue for what Belay itself sets aside. */
export const POISON = "poison";

/** A place in which set-aside messages lie. */
export interface Place {
  kind: DeadLetter["place"];
  /** The queue itself, or the one whose dead-letter queue it is. */
  queue: string;
}

/** What is shown of a body that is no JSON, in characters. */
const BEGINNING = 4_096;
/** Longest text taken over from a message's own properties, in characters. */
const MAX_TEXT = 500;

/** What Belay sends to `poison`. */
const setAside = z.object({
  queue: z.string(),
  messageId: z.string().max(128),
  reason: z.string().transform(clipped),
  body: z.unknown(),
});

/** A message of that place as a dead letter. `queues`: those that have a function. Throws TransientError. */
export function fromSetAside(message: ServiceBusReceivedMessage, place: Place, queues: readonly string[]): DeadLetter {
  const { messageId, deadLetterReason, enqueuedTimeUtc, deliveryCount = 0 } = message;
  const letter: DeadLetter = {
    place: place.kind,
    queue: place.queue,
    sequenceNumber: sequenceNumberOf(message).toString(),
    messageId: clipped(Buffer.isBuffer(messageId) ? messageId.toString("hex") : String(messageId ?? "")),
    body: readBody(message.body),
    reason: typeof deadLetterReason === "string" ? clipped(deadLetterReason) : "",
    enqueuedAt: epochOf(enqueuedTimeUtc),
    deliveryCount,
  };
  return place.kind === "poison" ? fromPoison(letter, queues) : letter;
}

/** By which the bus knows the message in its place. */
export function sequenceNumberOf({ sequenceNumber }: ServiceBusReceivedMessage) {
  if (sequenceNumber === undefined)
    throw new TransientError("bad-answer", "The Service Bus handed over a message without a sequence number.");
  return sequenceNumber;
}

/** Anybody with the right to send can put anything there: what Belay did not set aside stays as it is. */
function fromPoison(letter: DeadLetter, queues: readonly string[]): DeadLetter {
  const parsed = setAside.safeParse(letter.body);
  return parsed.success && queues.includes(parsed.data.queue) ? { ...letter, ...parsed.data } : letter;
}

/** The bytes that were sent, as JSON where they are that; the SDK hands on other kinds of bodies decoded. */
function readBody(body: unknown): unknown {
  if (!Buffer.isBuffer(body)) return inspect(body, { depth: 2, maxStringLength: BEGINNING }).slice(0, BEGINNING);
  const text = body.toString("utf8");
  try {
    return JSON.parse(text);
  } catch {
    return text.slice(0, BEGINNING);
  }
}

/** A time the bus does not say is the oldest. */
function epochOf(time: Date | undefined): number {
  const epoch = time?.getTime() ?? 0;
  return Number.isFinite(epoch) ? epoch : 0;
}

function clipped(text: string): string {
  return text.slice(0, MAX_TEXT);
}
