import type { Clock } from "./clock.ts";

/** Node's timers overflow above this many milliseconds; a longer wait is cut into several. */
const LONGEST_TIMER = 0x7fffffff;

/** One timer for everything a state machine has to do by itself. */
export interface Alarm {
  /** Rings at a moment (milliseconds since the epoch) or before: an early alarm finds nothing due and is set again. */
  setFor(at: number): void;
  cancel(): void;
}

export function createAlarm(clock: Clock, ring: () => void): Alarm {
  let setAt = Number.POSITIVE_INFINITY;
  let cancel = (): void => undefined;

  return {
    setFor(at) {
      if (at >= setAt) return;
      cancel();
      setAt = at;
      cancel = clock.after(Math.min(Math.max(at - clock.now(), 0), LONGEST_TIMER), () => {
        setAt = Number.POSITIVE_INFINITY;
        ring();
      });
    },
    cancel: () => cancel(),
  };
}
