/** What a queue has to know of a message it is sent; the content is none of its business. */
export interface IncomingMessage<Content> {
  readonly messageId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly timeToLiveMilliseconds?: number | undefined;
  /** Milliseconds since the epoch; in the past or absent means at once. */
  readonly scheduledFor?: number | undefined;
  readonly bytes: number;
  readonly content: Content;
}

/** A message in a queue; moments are in milliseconds since the epoch. */
export interface QueuedMessage<Content> {
  readonly incoming: IncomingMessage<Content>;
  readonly sequenceNumber: number;
  /** The number of its first arrival, which a dead-lettered message keeps. */
  readonly enqueuedSequenceNumber: number;
  readonly enqueuedAt: number;
  readonly expiresAt: number;
  /** The name of the queue that gave it up. */
  readonly deadLetterSource: string | undefined;
  /** Application properties that came with an abandon, a defer or a dead-lettering; the last one wins. */
  readonly addedProperties: Map<string, unknown>;
  /** Deliveries that were abandoned or whose lock expired. */
  deliveryCount: number;
  state: "active" | "deferred" | "scheduled";
  lock: Lock | undefined;
}

/** The lock of one delivery; in a queue with sessions the session's lock is the one that ends. */
export interface Lock {
  readonly token: string;
  readonly until: number;
}

export type ReceiveMode = "peekLock" | "receiveAndDelete";

/** How a receiver ends its lock: `abandon` counts the delivery, `release` does not. */
export interface Settlement {
  readonly outcome: "complete" | "abandon" | "release" | "defer" | "deadLetter";
  readonly properties?: Iterable<readonly [string, unknown]>;
}

/** How many messages a queue holds in each state; a locked one is in no other. */
export interface Counts {
  readonly active: number;
  readonly scheduled: number;
  readonly locked: number;
  readonly deferred: number;
}

export function newMessage<Content>(
  incoming: IncomingMessage<Content>,
  sequenceNumber: number,
  enqueuedAt: number,
): QueuedMessage<Content> {
  return {
    incoming,
    sequenceNumber,
    enqueuedSequenceNumber: sequenceNumber,
    enqueuedAt,
    expiresAt: Number.POSITIVE_INFINITY,
    deadLetterSource: undefined,
    addedProperties: new Map(),
    deliveryCount: 0,
    state: "active",
    lock: undefined,
  };
}
