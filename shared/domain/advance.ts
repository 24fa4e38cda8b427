import { type Deployment, hasBegun, type Running, type Waiting, type Work } from "./deployment.ts";
import { baseOf, endSuccessfully, endUnsuccessfully, identityOf, refusal, targetAfterEnding } from "./ending.ts";
import type { Outcome } from "./outcome.ts";
import { type Ending, PIPELINE, type Step } from "./pipeline.ts";
import { errored, type Problem } from "./problem.ts";
import { formerlyOf, type StableRelease, type Target } from "./target.ts";

/** What `advance` needs of the policy. */
export interface Rules {
  timeoutSeconds: Readonly<Record<Step, number>>;
  /** How many stages the strategy has. */
  stages: number;
}

/** Everything one transaction writes. */
export interface Transition {
  deployment: Deployment;
  /** Present where the target's row changes. */
  target?: Target;
  /** The deployment that waited, started or refused by this ending. */
  started?: Deployment;
}

/** A visit later than this counts as a gap in which nobody was there; below it the bus is only slow. */
const GAP_MS = 20_000;
/** All gaps together extend a step's deadline by at most this. */
const MAX_EXTENSION_MS = 24 * 3_600_000;
/** Seconds before a step is tried again after its first transient error; doubles, up to the largest. */
const FIRST_RETRY_SECONDS = 5;
const LARGEST_RETRY_SECONDS = 120;

type Verdict =
  | { kind: "again"; afterSeconds: number; transientErrors: number }
  | { kind: "success" }
  | { kind: "failure"; problem: Problem };

/**
 * What follows a visit. Pure: the only place where a deployment's course is decided.
 * `waiting` is the deployment that waits for this one's ending, where there is one.
 */
export function advance(
  deployment: Running,
  target: Target,
  waiting: Waiting | undefined,
  outcome: Outcome,
  rules: Rules,
  now: number,
): Transition {
  const gap = grantedGap(deployment, now);
  const current: Running = {
    ...deployment,
    deadline: deployment.deadline + gap,
    extended: deployment.extended + gap,
    work: mergeWork(deployment.work, outcome.work),
  };
  const verdict = judge(current, outcome, now);
  switch (verdict.kind) {
    case "again":
      return again(current, target, verdict, now);
    case "success":
      return follow(current, target, waiting, rules, now);
    case "failure":
      return fail(
        hasBegun(deployment) ? current : notBegun(current),
        target,
        waiting,
        verdict.problem,
        holds(outcome),
        rules,
        now,
      );
  }
}

/** Belay being down must not roll back a healthy release: time in which nobody visited does not count, up to a bound. */
function grantedGap(deployment: Running, now: number): number {
  const late = now - deployment.resumeAt;
  return Math.min(late > GAP_MS ? late : 0, MAX_EXTENSION_MS - deployment.extended);
}

/** A visit's findings replace what is known entry by entry. */
function mergeWork(known: Work, found: Work | undefined): Work {
  return found === undefined ? known : { ...known, ...found };
}

/** A visit only announces that the next one begins: where it fails, nothing was touched. */
function notBegun(deployment: Running): Running {
  const { rollout: _rollout, ...work } = deployment.work;
  return { ...deployment, work };
}

function holds(outcome: Outcome): boolean {
  return (outcome.result === "failed" || outcome.result === "errored") && outcome.hold === true;
}

/** In order of precedence: what was found, then errors borne, then the deadline. */
function judge(deployment: Running, outcome: Outcome, now: number): Verdict {
  const { transientErrors } = deployment;
  switch (outcome.result) {
    case "succeeded":
      return { kind: "success" };
    case "failed":
      return { kind: "failure", problem: outcome.problem };
    case "errored": {
      const errors = transientErrors + 1;
      if (!outcome.transient || errors > PIPELINE[deployment.step].errorsBorne || now >= deployment.deadline)
        return { kind: "failure", problem: outcome.problem };
      // A short Retry-After must not use up all errors within seconds.
      return {
        kind: "again",
        afterSeconds: Math.max(outcome.retryAfterSeconds ?? 0, retryDelay(errors)),
        transientErrors: errors,
      };
    }
    case "running":
      if (now >= deployment.deadline)
        return {
          kind: "failure",
          problem: errored("timed-out", `The step ${deployment.step} ran out of time. Last seen: ${outcome.found}`),
        };
      return { kind: "again", afterSeconds: outcome.resumeAfterSeconds, transientErrors: borne(deployment) };
  }
}

/** What is watched for hours meets more errors than a step bears; a look that came through starts the count anew. */
function borne({ transientErrors, step, work }: Running): number {
  return step === "verify" && work.verify?.bake !== undefined ? 0 : transientErrors;
}

function retryDelay(errors: number): number {
  return Math.min(FIRST_RETRY_SECONDS * 2 ** (errors - 1), LARGEST_RETRY_SECONDS);
}

function again(
  deployment: Running,
  target: Target,
  verdict: Extract<Verdict, { kind: "again" }>,
  now: number,
): Transition {
  const next: Running = {
    ...deployment,
    sequence: deployment.sequence + 1,
    transientErrors: verdict.transientErrors,
    // No later than the deadline, so that the look that finds the time run out comes in time.
    resumeAt: Math.max(now, Math.min(now + verdict.afterSeconds * 1000, deployment.deadline)),
  };
  const begins = hasBegun(next) && target.changedBy !== next.generation;
  return begins ? { deployment: next, target: changing(target, next.generation) } : { deployment: next };
}

/** From here on this generation's tokens may stand on the cluster, and the former ones' until it has changed everything. */
function changing(target: Target, generation: number): Target {
  const formerly = formerlyOf(target);
  return { ...target, changedBy: generation, ...(formerly === undefined ? {} : { uncertainSince: formerly.since }) };
}

/** After success: the next step, the next stage, or the ending. */
function follow(
  deployment: Running,
  target: Target,
  waiting: Waiting | undefined,
  rules: Rules,
  now: number,
): Transition {
  const { success } = PIPELINE[deployment.step];
  // The fast path: what was proven here before is neither judged nor built again.
  if (success === "build" && deployment.work.release !== undefined)
    return enterStep(deployment, target, "rollout", deployment.stage, rules, now);
  if (success === "RolledBack") return endRollback(deployment, target, waiting, now);
  if (success !== "next-stage") return enterStep(deployment, target, success, deployment.stage, rules, now);
  if (deployment.stage + 1 < rules.stages)
    return enterStep(deployment, target, "rollout", deployment.stage + 1, rules, now);
  return succeed(deployment, target, waiting, now);
}

function succeed(deployment: Running, target: Target, waiting: Waiting | undefined, now: number): Transition {
  const { release } = deployment.work;
  if (release === undefined) {
    const problem = errored("unexpected", "The deployment was verified without a release.");
    return end(deployment, target, waiting, "Failed", problem, false, now);
  }
  const stable: StableRelease = {
    releaseId: release.id,
    image: release.image,
    model: identityOf(deployment.model),
    generation: deployment.generation,
    policyId: deployment.policyId,
  };
  const ended = endSuccessfully(deployment, stable, now);
  return afterEnding(ended, target, waiting, false, now);
}

/** The way back has ended well. Without a stable release there was nothing to put back, which is no rollback. */
function endRollback(deployment: Running, target: Target, waiting: Waiting | undefined, now: number): Transition {
  const problem = deployment.cause ?? errored("unexpected", "The deployment was rolled back without a cause.");
  return end(deployment, target, waiting, target.stable === undefined ? "Failed" : "RolledBack", problem, false, now);
}

function fail(
  deployment: Running,
  target: Target,
  waiting: Waiting | undefined,
  problem: Problem,
  hold: boolean,
  rules: Rules,
  now: number,
): Transition {
  const ending = failureOf(deployment, target, problem);
  if (ending !== "rollback") return end(deployment, target, waiting, ending, problem, hold, now);
  return enterStep({ ...deployment, cause: problem }, target, "rollback", deployment.stage, rules, now);
}

/**
 * A person's word that cuts in: before the first change the deployment ends, after it it goes back at once.
 * Undefined: it is on its way back already.
 */
export function stop(
  deployment: Running,
  target: Target,
  waiting: Waiting | undefined,
  problem: Problem,
  rules: Rules,
  now: number,
): Transition | undefined {
  if (deployment.step === "rollback") return undefined;
  if (!hasBegun(deployment)) return end(deployment, target, waiting, "Rejected", problem, false, now);
  return enterStep({ ...deployment, cause: problem }, target, "rollback", deployment.stage, rules, now);
}

function failureOf(deployment: Running, target: Target, problem: Problem): "rollback" | Exclude<Ending, "Succeeded"> {
  const { failure } = PIPELINE[deployment.step];
  const untouched: Ending = problem.kind === "failed" ? "Rejected" : "Failed";
  if (failure === "rollback") return hasBegun(deployment) ? "rollback" : untouched;
  if (failure === "Rejected") return untouched;
  if (failure === "RollbackFailed" && target.stable === undefined) return "Failed";
  return failure;
}

function enterStep(
  deployment: Running,
  target: Target,
  step: Step,
  stage: number,
  rules: Rules,
  now: number,
): Transition {
  const next: Running = {
    ...deployment,
    sequence: deployment.sequence + 1,
    step,
    stage,
    work: step === "rollout" ? nextStageWork(deployment.work) : deployment.work,
    resumeAt: now,
    deadline: now + rules.timeoutSeconds[step] * 1000,
    extended: 0,
    transientErrors: 0,
  };
  // The save that enters rollout is the first change: it writes the target too, so that it and a superseding
  // accept exclude each other.
  return step === "rollout" ? { deployment: next, target: { ...target, changing: true } } : { deployment: next };
}

/** A further stage applies and measures anew; that the cluster was touched stays known. */
function nextStageWork(work: Work): Work {
  const { verify: _verify, rollout, ...rest } = work;
  return rollout === undefined ? rest : { ...rest, rollout: { ...rollout, applied: false } };
}

function end(
  deployment: Running,
  target: Target,
  waiting: Waiting | undefined,
  phase: Exclude<Ending, "Succeeded">,
  problem: Problem,
  hold: boolean,
  now: number,
): Transition {
  return afterEnding(endUnsuccessfully(deployment, phase, problem, target, now), target, waiting, hold, now);
}

function afterEnding(
  ended: Extract<Deployment, { endedAt: number }>,
  target: Target,
  waiting: Waiting | undefined,
  hold: boolean,
  now: number,
): Transition {
  const idle = targetAfterEnding(target, ended, hold);
  if (waiting === undefined) return { deployment: ended, target: idle };
  const start = startWaiting(waiting, idle, now);
  return {
    deployment: { ...ended, linked: [...(ended.linked ?? []), waiting.generation] },
    target: start.target,
    started: start.deployment,
  };
}

/** Seconds the first step has; kept here because a deployment starts before its policy is looked at. */
const FIRST_STEP_SECONDS = 300;

/** Starts the deployment that waited, in the transaction that made room for it; refusals are checked again. */
export function startWaiting(waiting: Waiting, idle: Target, now: number): { deployment: Deployment; target: Target } {
  const { waiting: _waiting, ...target } = idle;
  const refused = refusal(target, waiting.model, waiting.promotion.wishedAt);
  if (refused !== undefined)
    return { deployment: endUnsuccessfully(waiting, "Rejected", refused, target, now), target };
  return {
    deployment: { ...baseOf(waiting), ...firstStep(now), sequence: waiting.sequence + 1 },
    target: { ...target, active: waiting.generation },
  };
}

/** The start of every deployment. */
export function firstStep(now: number) {
  return {
    phase: "Running",
    step: "validate",
    stage: 0,
    resumeAt: now,
    deadline: now + FIRST_STEP_SECONDS * 1000,
    extended: 0,
    transientErrors: 0,
  } as const;
}
