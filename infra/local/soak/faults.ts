import type { Random } from "./random.ts";

/**
 * What goes wrong with one request: an answer of 503 or 429 with Retry-After; the connection is cut before the request
 * was passed on, or after it was answered, so that nobody knows whether it was done; the answer comes late.
 */
export const FAULT_KINDS = ["refused", "cut before", "cut after", "delayed"] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export type Fault = { kind: "refused"; status: 503 | 429 } | { kind: "cut before" | "cut after" } | DelayedFault;
interface DelayedFault {
  kind: "delayed";
  milliseconds: number;
}

/** Decides about one request after the other. */
export interface Faults {
  /** Undefined: nothing goes wrong. */
  next(): Fault | undefined;
  /** From now on nothing goes wrong any more. */
  stop(): void;
  counts(): Readonly<Record<FaultKind, number>>;
}

const DELAY_MS = [100, 1_500] as const;

/** Every `rate`th request on average meets one of the kinds, each as often as the others. */
export function createFaults(rate: number, random: Random): Faults {
  const counts = { refused: 0, "cut before": 0, "cut after": 0, delayed: 0 };
  let on = true;
  return {
    next() {
      if (!on || !random.chance(rate)) return undefined;
      const fault = draw(random);
      counts[fault.kind] += 1;
      return fault;
    },
    stop() {
      on = false;
    },
    counts: () => ({ ...counts }),
  };
}

function draw(random: Random): Fault {
  const kind = random.pick(FAULT_KINDS);
  switch (kind) {
    case "refused":
      return { kind, status: random.pick([503, 429]) };
    case "delayed":
      return { kind, milliseconds: Math.round(random.between(...DELAY_MS)) };
    default:
      return { kind };
  }
}
