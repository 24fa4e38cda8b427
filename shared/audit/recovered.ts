import { hasEnded } from "../domain/deployment.ts";
import type { Visit } from "../domain/visit.ts";
import { inOrder } from "./double.ts";
import type { DeploymentEvidence } from "./evidence.ts";

/** What a deployment came through on the way to its ending. */
export type Recovery = "transient error" | "message tried again" | "deadline extended" | "rollback";

/** A visit later than this came with a message that was given back or sent again, milliseconds. */
const LATE_MS = 5_000;
/** A visit later than this has extended its step's deadline, milliseconds. */
const GAP_MS = 60_000;

/** What an ended deployment recovered from; empty for one that is open. Pure. */
export function recoveriesOf({ record, history }: DeploymentEvidence): readonly Recovery[] {
  if (!hasEnded(record)) return [];
  const visits = inOrder(history);
  const lateness = visits.map((visit, index) => latenessOf(visits[index - 1], visit));
  const recovered: Record<Recovery, boolean> = {
    "transient error": visits.some(({ result, step, next }) => result === "errored" && next === step),
    "message tried again": lateness.some((late) => late > LATE_MS && late <= GAP_MS),
    "deadline extended": lateness.some((late) => late > GAP_MS),
    rollback: record.phase === "RolledBack",
  };
  return Object.entries(recovered).flatMap(([name, is]) => (is ? [name as Recovery] : []));
}

/** By how many milliseconds a visit came after it was due; one that another deployment made was not waited for. */
function latenessOf(before: Visit | undefined, visit: Visit): number {
  if (before?.resumeAt === undefined || before.next === "Waiting" || visit.step === "accept") return 0;
  return visit.at - before.resumeAt;
}
