/** What is known of a release that has been proven and is watched for a while before it counts as stable. */
export interface BakeWork {
  /** Epoch milliseconds. */
  until: number;
  looks: number;
  /** Looks in a row that were not good. */
  bad: number;
  /** Whether the time has passed with a good end. */
  over: boolean;
}

/** Bad as soon as so many looks in a row were not good; over once the time has passed and the last look was good. */
export function bakeVerdict({ until, bad }: BakeWork, mostBad: number, now: number): "go on" | "over" | "bad" {
  if (bad >= mostBad) return "bad";
  return now >= until && bad === 0 ? "over" : "go on";
}
