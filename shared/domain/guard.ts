import { type Deployment, hasEnded, type Running, type Waiting } from "./deployment.ts";
import type { StepMessage } from "./owed.ts";

/** What a step message means to the record that it names, in order of precedence. */
export type Guard =
  /** `visit`: this visit is due. `early`: it is not yet. */
  | { kind: "visit" | "early"; running: Running }
  /** The record waits for another one's ending. */
  | { kind: "waiting"; waiting: Waiting }
  /** `owed`: the work is done, what followed was perhaps never sent. `stale`: somebody is further. */
  | { kind: "owed" | "stale" };

/** A message this much before its time is taken all the same: the clocks of bus and table differ. */
const EARLY_MS = 1_500;

/** Equal sequences: go on. One behind: the work is done, what followed was perhaps never sent. Pure. */
export function guard({ sequence }: Pick<StepMessage, "sequence">, deployment: Deployment, now: number): Guard {
  if (sequence === deployment.sequence - 1) return { kind: "owed" };
  if (sequence !== deployment.sequence || hasEnded(deployment)) return { kind: "stale" };
  if (deployment.phase === "Waiting") return { kind: "waiting", waiting: deployment };
  return { kind: deployment.resumeAt - now > EARLY_MS ? "early" : "visit", running: deployment };
}
