import type { Problem } from "./problem.ts";

/** One execution of a step's handler: what was found and what was decided. The history and the "why". */
export interface Visit {
  target: string;
  generation: number;
  /** The sequence of the record this visit led to. */
  sequence: number;
  /** The step that was visited, or `accept`. */
  step: string;
  /** Epoch milliseconds, by the table's clock. */
  at: number;
  durationMs: number;
  result: string;
  /** One sentence. */
  found: string;
  problem?: Problem;
  /** What follows: a step or an ending. */
  next: string;
  /** When the next visit is due, epoch milliseconds; absent after an ending. */
  resumeAt?: number;
  /** The change to the cluster that the record says is applied: `rollout <stage>` or `rollback`. */
  applied?: string;
}
