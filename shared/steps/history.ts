import { type Deployment, deploymentId, type Ended, hasEnded } from "../domain/deployment.ts";
import type { Visit } from "../domain/visit.ts";

/** The fields of the event that a deployment has ended. */
export function endedFields(ended: Ended) {
  return {
    deployment: deploymentId(ended),
    target: ended.target,
    model: ended.model.name,
    version: ended.model.version,
    phase: ended.phase,
    durationMs: ended.endedAt - ended.createdAt,
    ...(ended.phase === "Succeeded"
      ? {}
      : { kind: ended.problem.kind, code: ended.problem.code, why: ended.problem.message }),
    serving: ended.serving?.image,
  };
}

/** The history's entry for the visit that led to this record. */
export function visitOf(
  next: Deployment,
  step: string,
  at: number,
  durationMs: number,
  result: string,
  found: string,
  problem?: Visit["problem"],
): Visit {
  return {
    target: next.target,
    generation: next.generation,
    sequence: next.sequence,
    step,
    at,
    durationMs,
    result,
    found,
    ...(problem === undefined ? {} : { problem }),
    next: next.phase === "Running" ? next.step : next.phase,
    ...(hasEnded(next) ? {} : { resumeAt: next.resumeAt }),
    ...appliedBy(next),
  };
}

function appliedBy(next: Deployment): Pick<Visit, "applied"> {
  if (next.phase !== "Running") return {};
  const { rollout, rollback } = next.work;
  if (next.step === "rollback") return rollback?.applied === true ? { applied: "rollback" } : {};
  return rollout?.applied === true ? { applied: `rollout ${next.stage}` } : {};
}
