import type { Clock } from "../../../infra/local/service-bus/clock.ts";

/** A clock that stands still until it is told to go on. */
export interface VirtualClock extends Clock {
  /** Goes on, and runs what becomes due at the moment it is due. */
  advance(milliseconds: number): void;
  /** How many timers are set. */
  timers(): number;
}

export function createVirtualClock(): VirtualClock {
  let now = Date.parse("2026-01-01T00:00:00Z");
  const timers = new Map<object, { at: number; run: () => void }>();

  return {
    now: () => now,
    after(milliseconds, run) {
      const key = {};
      timers.set(key, { at: now + milliseconds, run });
      return () => timers.delete(key);
    },
    advance(milliseconds) {
      const end = now + milliseconds;
      for (;;) {
        const due = [...timers].filter(([, { at }]) => at <= end).sort(([, one], [, other]) => one.at - other.at)[0];
        if (due === undefined) break;
        const [key, { at, run }] = due;
        timers.delete(key);
        now = at;
        run();
      }
      now = end;
    },
    timers: () => timers.size,
  };
}
