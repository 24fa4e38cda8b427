import { type BelayEvent, readHostLine } from "../stack/host-line.ts";

/** An event and when its line arrived. */
export interface Seen {
  event: BelayEvent;
  /** Epoch milliseconds. */
  at: number;
}

/** What the app told about promotions and deployments, so that nobody has to ask it and be counted. */
export interface EventLog {
  /** Takes a line that the app's host printed. */
  read(line: string): void;
  since(at: number): readonly Seen[];
  /** Resolves with the first event that the predicate picks from this moment on; rejects after the limit. */
  next(what: string, picks: (event: BelayEvent) => boolean, limitMs: number): Promise<Seen>;
}

export function createEventLog(now: () => number = Date.now): EventLog {
  const all: Seen[] = [];
  const waiting = new Set<(seen: Seen) => void>();
  return {
    read(line) {
      const read = readHostLine(line)?.event;
      // Thousands of deliveries under load are of no interest here.
      if (read === undefined || read.event.startsWith("webhook.")) return;
      const seen = { event: read, at: now() };
      all.push(seen);
      for (const look of waiting) look(seen);
    },
    since: (at) => all.filter((seen) => seen.at >= at),
    next: (what, picks, limitMs) =>
      new Promise((resolve, reject) => {
        const look = (seen: Seen) => {
          if (!picks(seen.event)) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(seen);
        };
        const timer = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`${what} did not come within ${limitMs / 1000} s`));
        }, limitMs);
        waiting.add(look);
      }),
  };
}
