import { type HistoryResult, playHistory } from "./history.ts";
import type { Injected } from "./kernel/faults.ts";
import type { Plan } from "./plan.ts";
import type { Builds } from "./world/app.ts";

/** A history that breaks the same promise with as few faults as can be. */
export interface Shrunk {
  without: ReadonlySet<number>;
  result: HistoryResult;
  /** The faults that are left. */
  faults: readonly Injected[];
}

/** Drops faults one by one, the last first, as long as the same promise stays broken. */
export async function shrink(plan: Plan, builds: Builds, first: HistoryResult): Promise<Shrunk> {
  const invariant = first.violation?.invariant;
  let without = new Set<number>();
  let result = first;
  for (let smaller = true; smaller; ) {
    smaller = false;
    for (const { index } of result.faults.toReversed()) {
      const fewer = new Set([...without, index]);
      const tried = await playHistory({ plan, builds, without: fewer });
      if (tried.violation?.invariant !== invariant) continue;
      without = fewer;
      result = tried;
      smaller = true;
      break;
    }
  }
  return { without, result, faults: result.faults };
}
