/** A message for one queue. Its id is what duplicate detection goes by. */
export interface OutgoingMessage {
  queue: string;
  /** At most 128 characters. */
  id: string;
  body: unknown;
  /** Not before this time, epoch milliseconds. */
  at?: number;
}

/** Sends; a resolved promise means that the bus has every message. Errors: TransientError, PermanentError. */
export interface MessageBus {
  send(messages: readonly OutgoingMessage[], signal?: AbortSignal): Promise<void>;
  /** Resolves when the bus answers. */
  ping(signal: AbortSignal): Promise<void>;
}
