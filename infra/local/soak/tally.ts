import { readHostLine } from "../stack/host-line.ts";

/** What the app tells that it did to get over something. */
export const TOLD = [
  "step.rescheduled",
  "reconcile.asked",
  "reconcile.failed",
  "sweep.sent",
  "message.poisoned",
  "webhook.unavailable",
] as const;

/** Counts the app's events. */
export interface Tally {
  read(line: string): void;
  of(event: (typeof TOLD)[number]): number;
  /** Endings, as far as the app lived to tell of them. */
  ended(): number;
}

export function createTally(): Tally {
  const counts = new Map<string, number>();
  return {
    read(line) {
      const event = readHostLine(line)?.event?.event;
      if (event !== undefined) counts.set(event, (counts.get(event) ?? 0) + 1);
    },
    of: (event) => counts.get(event) ?? 0,
    ended: () => counts.get("deployment.ended") ?? 0,
  };
}
