import { type Deployment, type Ended, hasBegun, type Running, type Unsuccessful, type Waiting } from "./deployment.ts";
import { identityKey, type ModelIdentity, sameModel } from "./model.ts";
import type { Ending } from "./pipeline.ts";
import { failed, type Problem, type ProblemCode } from "./problem.ts";
import { MAX_FORMER, MAX_QUARANTINE, type Quarantined, type StableRelease, type Target } from "./target.ts";

/** The parts every phase of a record shares. */
export function baseOf(deployment: Deployment) {
  const { schema, target, generation, sequence, promotion, model, policyId, notify, createdAt, work, linked } =
    deployment;
  return {
    ...{ schema, target, generation, sequence, promotion, model, policyId, notify, createdAt, work },
    ...(linked === undefined ? {} : { linked }),
  };
}

/** Ends a deployment that did not succeed. The sequence goes up, as with every save. */
export function endUnsuccessfully(
  deployment: Waiting | Running,
  phase: Exclude<Ending, "Succeeded">,
  problem: Problem,
  target: Target,
  now: number,
): Ended {
  const cause = deployment.phase === "Running" ? deployment.cause : undefined;
  return {
    ...baseOf(deployment),
    sequence: deployment.sequence + 1,
    phase,
    problem,
    ...(cause === undefined || cause === problem ? {} : { cause }),
    endedAt: now,
    changed: hasBegun(deployment),
    ...(target.stable === undefined || phase === "RollbackFailed" ? {} : { serving: target.stable }),
  };
}

export function endSuccessfully(deployment: Running, stable: StableRelease, now: number): Ended {
  return {
    ...baseOf(deployment),
    sequence: deployment.sequence + 1,
    phase: "Succeeded",
    endedAt: now,
    changed: true,
    serving: stable,
  };
}

/** Problems that say nothing about the model itself. */
const NOT_THE_MODEL: ReadonlySet<ProblemCode> = new Set([
  "pointer-missing",
  "pointer-moved",
  "version-missing",
  "version-not-ready",
  "quarantined",
  "held",
  "moved-back",
  "superseded",
  "stable-lost",
  "foreign-change",
  "release-invalid",
]);

/** What an ending means for its target: quarantine, hold, stable release. */
export function targetAfterEnding(target: Target, ended: Ended, hold: boolean): Target {
  const { active: _active, ...rest } = target;
  const idle: Target = { ...(isCertain(ended) ? certain(rest) : rest), changing: false };
  if (ended.phase === "Succeeded") {
    const quarantine = without(idle.quarantine, ended.model);
    return { ...idle, quarantine, stable: ended.serving, former: formerOf(idle, ended.serving) };
  }
  const quarantine = blames(ended.cause ?? ended.problem)
    ? [{ model: identityOf(ended.model), endedAt: ended.endedAt }, ...without(idle.quarantine, ended.model)]
    : idle.quarantine;
  const after = { ...idle, quarantine: quarantine.slice(0, MAX_QUARANTINE) };
  if (!hold && ended.phase !== "RollbackFailed" && !followsForeignChange(ended)) return after;
  return { ...after, hold: { reason: ended.problem, since: ended.endedAt, generation: ended.generation } };
}

/** Every object of the release carries this generation's tokens. */
function isCertain({ phase, changed }: Ended): boolean {
  return changed && (phase === "Succeeded" || phase === "RolledBack");
}

function certain<T extends Pick<Target, "uncertainSince">>({ uncertainSince: _since, ...rest }: T) {
  return rest;
}

/** The stable releases before this one, newest first, each once. */
function formerOf({ stable, former = [] }: Target, next: StableRelease): readonly StableRelease[] {
  const before = stable === undefined ? former : [stable, ...former];
  const others = new Map(before.toReversed().map((one) => [one.releaseId, one]));
  others.delete(next.releaseId);
  return [...others.values()].reverse().slice(0, MAX_FORMER);
}

/** Whoever changed the target before the way back is still there after it. */
function followsForeignChange({ problem, cause }: Unsuccessful): boolean {
  return (cause ?? problem).code === "foreign-change";
}

function blames(problem: Problem): boolean {
  return problem.kind === "failed" && !NOT_THE_MODEL.has(problem.code);
}

export function identityOf({ name, version, createdAt }: ModelIdentity): ModelIdentity {
  return { name, version, createdAt };
}

function without(quarantine: readonly Quarantined[], model: ModelIdentity): readonly Quarantined[] {
  return quarantine.filter((entry) => !sameModel(entry.model, model));
}

/** Why a wish of that time for that model is not followed now; undefined: it is. */
export function refusal(target: Target, model: ModelIdentity, wishedAt: number): Problem | undefined {
  if (target.hold !== undefined)
    return failed(
      "held",
      `The target is held since ${new Date(target.hold.since).toISOString()}: ${target.hold.reason.message}`,
    );
  const entry = target.quarantine.find((one) => identityKey(one.model) === identityKey(model));
  if (entry === undefined || wishedAt > entry.endedAt) return undefined;
  return failed(
    "quarantined",
    `This version failed here at ${new Date(entry.endedAt).toISOString()}, after it was asked for.`,
  );
}
