import type { MeasurementPhase } from "./verification.ts";

/** What is known of a release that has been proven and is watched for a while before it counts as stable. */
export interface BakeWork {
  /** Epoch milliseconds. */
  until: number;
  looks: number;
  /** Looks in a row that found it bad; one that could not be measured says nothing. */
  bad: number;
  /** Whether the time has passed with a good end. */
  over: boolean;
}

/** What is known after one more look. */
export function bakeAfter(known: BakeWork, phase: MeasurementPhase): BakeWork {
  const bad = { Successful: 0, Failed: known.bad + 1, Error: known.bad }[phase];
  return { ...known, looks: known.looks + 1, bad };
}

/** Bad as soon as so many looks in a row found it bad; over once the time has passed and the last look was good. */
export function bakeVerdict(
  { until, bad }: BakeWork,
  last: MeasurementPhase,
  mostBad: number,
  now: number,
): "go on" | "over" | "bad" {
  if (bad >= mostBad) return "bad";
  return now >= until && last === "Successful" ? "over" : "go on";
}
