/** The operations on messages since the broker was made; one call for ten messages counts ten. */
export interface Operations {
  /** Messages stored for delivery at once. */
  sent: number;
  /** Messages stored for later delivery. */
  scheduled: number;
  /** Messages dropped because their id was seen inside the window; neither sent nor scheduled. */
  duplicatesDropped: number;
  /** Deliveries, deferred messages included. */
  received: number;
  completed: number;
  abandoned: number;
  /** Messages moved to a dead-letter queue, by a receiver or by the broker itself. */
  deadLettered: number;
  /** Locks of messages renewed. */
  renewed: number;
  /** Every operation a peer asked for: the above without what the broker dead-lettered by itself, and defer, peek and cancel, which have no counter. */
  total: number;
}

export function noOperations(): Operations {
  return {
    sent: 0,
    scheduled: 0,
    duplicatesDropped: 0,
    received: 0,
    completed: 0,
    abandoned: 0,
    deadLettered: 0,
    renewed: 0,
    total: 0,
  };
}

/** Counts one operation of a peer. */
export function countOperation(operations: Operations, counter?: keyof Omit<Operations, "total">): void {
  operations.total += 1;
  if (counter) operations[counter] += 1;
}
