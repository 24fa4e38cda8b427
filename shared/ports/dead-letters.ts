/** A message that the bus, or Belay itself, has set aside. */
export interface DeadLetter {
  /** `dead-letter`: the bus gave it up; `poison`: Belay did, with a reason of its own. */
  place: "dead-letter" | "poison";
  /**
   * The queue whose function is to take it. `poison`: of the bus's giving up what lay there (its body is then what
   * Belay sent to `poison`), or a message there that Belay did not send.
   */
  queue: string;
  /** Names it in its place: the bus's sequence number, a decimal string. */
  sequenceNumber: string;
  messageId: string;
  /** As it was sent; of one that could not be read, its beginning as text. */
  body: unknown;
  /** The bus's reason (`MaxDeliveryCountExceeded`, `TTLExpiredException`, …) or Belay's sentence. */
  reason: string;
  /** Epoch milliseconds. */
  enqueuedAt: number;
  deliveryCount: number;
}

/** Where a dead letter lies. */
export type DeadLetterReference = Pick<DeadLetter, "place" | "queue" | "sequenceNumber">;

/** The dead-letter queues of every queue and of `poison`, and the queue `poison`. Errors: TransientError, PermanentError. */
export interface DeadLetters {
  /** Looks without taking or locking, oldest first within a place, of every place some; at most `limit` in all. */
  list(limit: number, signal: AbortSignal): Promise<readonly DeadLetter[]>;
  /**
   * Takes one off its place once `handle` is done with it; what `handle` throws leaves it there and is thrown.
   * False: it is not there, another worker has it at hand, or too many older ones lie before it.
   */
  take(
    reference: DeadLetterReference,
    handle: (letter: DeadLetter) => Promise<void>,
    signal: AbortSignal,
  ): Promise<boolean>;
}
