/** Tells the table's time from the Date headers of its answers, which count whole seconds. */
export interface TableClock {
  /** An answer with this Date header was asked for and received at these times of the worker's clock. */
  observe(dateHeader: string | undefined, askedAt: number, receivedAt: number): void;
  /** Epoch milliseconds by the table's clock. */
  now(): number;
}

/**
 * The worker's clock, moved so that it agrees with every Date header seen last: the header's second began
 * before the answer came and ended after the question went.
 */
export function createTableClock(localNow: () => number): TableClock {
  let offset = 0;
  return {
    observe: (dateHeader, askedAt, receivedAt) => {
      const second = Date.parse(dateHeader ?? "");
      if (Number.isNaN(second)) return;
      const least = second - receivedAt;
      const most = second + 999 - askedAt;
      offset = Math.min(Math.max(offset, least), Math.max(most, least));
    },
    now: () => Math.round(localNow() + offset),
  };
}
