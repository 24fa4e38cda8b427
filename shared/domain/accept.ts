import { firstStep } from "./advance.ts";
import { type Deployment, deploymentId, hasEnded, type Running, type Waiting } from "./deployment.ts";
import { endUnsuccessfully, identityOf, refusal } from "./ending.ts";
import { describeModel, type ModelIdentity, type ModelVersion, sameModel } from "./model.ts";
import { movedBack } from "./moved-back.ts";
import type { TargetPolicy } from "./policy.ts";
import { failed, type Problem } from "./problem.ts";
import { describePointer, type Promotion } from "./promotion.ts";
import type { Target } from "./target.ts";

/** A waiting deployment looks this often whether it may start, in case the ending's message was lost. */
const WAITING_LOOK_MS = 60_000;

/** What the accepting visit read, in this order: the target and its deployments, then the registry. */
export interface Wish {
  promotion: Promotion;
  policy: TargetPolicy;
  policyId: string;
  target: Target;
  /** Records of the target's wanted, active and waiting generations. */
  wanted: Deployment | undefined;
  active: Deployment | undefined;
  waiting: Deployment | undefined;
  /** What the pointer says now; undefined: it points nowhere. */
  found: ModelVersion | undefined;
}

export type Decision =
  /** Already wanted: what is owed for that record is sent again. */
  | { kind: "repeat"; deployment: Deployment }
  /** The policy says that nothing comes of it. */
  | { kind: "ignored"; reason: string }
  /** One transaction: the target and every record that changes. */
  | { kind: "commit"; target: Target; deployments: readonly Deployment[]; accepted: Deployment };

/** Whether a promotion becomes a deployment, waits, is refused, or was already there. Pure. */
export function accept(wish: Wish, now: number): Decision {
  const { policy, found } = wish;
  const asked = askedFor(wish);
  const repeated = repeatOf(wish, asked);
  if (repeated !== undefined) return { kind: "repeat", deployment: repeated };
  if (found === undefined && policy.missing === "ignore")
    return { kind: "ignored", reason: `${pointsNowhere(wish.promotion)} The policy says that nothing comes of it.` };
  const generation = generationAfter(wish.target, now);
  const target: Target = {
    ...wish.target,
    generation,
    wanted: { model: asked, policyId: wish.policyId, generation },
  };
  const promotion = { ...wish.promotion, wishedAt: wishedAt(wish, asked) };
  const base = {
    schema: 1,
    target: target.name,
    generation,
    sequence: 1,
    promotion,
    model: found ?? missingModel(promotion),
    policyId: wish.policyId,
    notify: policy.notify,
    createdAt: now,
    work: {},
  } as const;
  const refused = refuse(wish, promotion);
  if (refused !== undefined) {
    const waiting: Waiting = { ...base, sequence: 0, phase: "Waiting", resumeAt: now };
    const rejected = endUnsuccessfully(waiting, "Rejected", refused, target, now);
    return { kind: "commit", target, deployments: [rejected], accepted: rejected };
  }
  return target.changing && isOpen(wish.active)
    ? wait({ ...base, phase: "Waiting", resumeAt: now + WAITING_LOOK_MS }, target, wish.waiting, now)
    : start({ ...base, ...firstStep(now) }, target, wish.active, now);
}

/** The generation of the next accepted promotion: up by one, and never behind the epoch second. */
export function generationAfter({ generation }: Pick<Target, "generation">, now: number): number {
  return Math.max(generation + 1, Math.floor(now / 1000));
}

/** A pointer that points nowhere asks for the same nothing, whichever version was named with the wish. */
function askedFor({ promotion, found }: Wish): ModelIdentity {
  return found === undefined ? { name: promotion.model, version: "none", createdAt: 0 } : identityOf(found);
}

/** Only what the target wants is a repeat, not what it runs; what makes a wish for the same a new one depends on who has it. */
function repeatOf(wish: Wish, asked: ModelIdentity): Deployment | undefined {
  const { target, wanted } = wish;
  if (target.wanted === undefined || wanted === undefined || !sameModel(target.wanted.model, asked)) return undefined;
  return isNewWish(wish, wanted) ? undefined : wanted;
}

function isNewWish({ promotion, policyId, target }: Wish, wanted: Deployment): boolean {
  const { origin } = promotion;
  // By another policy what is wanted may be asked for again, but not by what was asked before.
  const otherPolicy = target.wanted?.policyId !== policyId && promotion.wishedAt > wanted.createdAt;
  switch (origin.kind) {
    // A policy that changed by itself starts nothing.
    case "difference":
      return false;
    case "retry":
      return hasEnded(wanted) && wanted.generation === origin.of;
    case "webhook":
      return isAnother(promotion, wanted) && (otherPolicy || (isNewer(promotion, wanted) && !isLive(target, wanted)));
    case "person":
      return isAnother(promotion, wanted) && (otherPolicy || isNewer(promotion, wanted));
  }
}

/** What comes again is the same wish, whatever has changed meanwhile: the clock that signs may be ahead of the table's. */
function isAnother(promotion: Promotion, wanted: Deployment): boolean {
  return promotion.id !== wanted.promotion.id;
}

function isNewer(promotion: Promotion, wanted: Deployment): boolean {
  return hasEnded(wanted) && promotion.wishedAt > wanted.endedAt;
}

/** What runs already is not deployed again because an event names it once more. */
function isLive({ stable }: Target, wanted: Deployment): boolean {
  return wanted.phase === "Succeeded" && stable?.generation === wanted.generation;
}

/**
 * Since when this is wished, as far as it is known. The registry that says otherwise than what is wanted has changed
 * its word after that was accepted.
 */
function wishedAt({ promotion, target, wanted }: Wish, asked: ModelIdentity): number {
  if (promotion.origin.kind !== "difference") return promotion.wishedAt;
  const changed = target.wanted !== undefined && !sameModel(target.wanted.model, asked);
  return changed && wanted !== undefined ? wanted.createdAt : 1;
}

function refuse({ found, policy, target }: Wish, promotion: Promotion): Problem | undefined {
  if (found === undefined) return failed("pointer-missing", pointsNowhere(promotion));
  return refusal(target, found, promotion.wishedAt) ?? movedBack(policy, target, promotion, found);
}

function pointsNowhere({ pointer, model }: Promotion): string {
  return `The ${describePointer(pointer)} of ${model} points to no version.`;
}

function isOpen(deployment: Deployment | undefined): deployment is Waiting | Running {
  return deployment !== undefined && !hasEnded(deployment);
}

/** After the first change the newer one waits, and only the newest waiting one is kept. */
function wait(accepted: Waiting, target: Target, former: Deployment | undefined, now: number): Decision {
  const replaced = isOpen(former) ? [supersede(former, accepted, target, now)] : [];
  const linked = linkTo(accepted, replaced);
  return {
    kind: "commit",
    target: { ...target, waiting: accepted.generation },
    deployments: [linked, ...replaced],
    accepted: linked,
  };
}

/** Before the first change the newer one takes the place of the active one at once. */
function start(accepted: Running, target: Target, former: Deployment | undefined, now: number): Decision {
  const replaced = isOpen(former) ? [supersede(former, accepted, target, now)] : [];
  const linked = linkTo(accepted, replaced);
  return {
    kind: "commit",
    target: { ...target, active: accepted.generation, changing: false },
    deployments: [linked, ...replaced],
    accepted: linked,
  };
}

/** The accepted record remembers whom it replaced, so that a repeat sends again what both are owed. */
function linkTo(accepted: Deployment, replaced: readonly Deployment[]): Deployment {
  return replaced.length === 0 ? accepted : { ...accepted, linked: replaced.map(({ generation }) => generation) };
}

function supersede(former: Waiting | Running, by: Deployment, target: Target, now: number): Deployment {
  const problem = failed(
    "superseded",
    `${describeModel(by.model)} took its place before anything was changed (${deploymentId(by)}).`,
  );
  return endUnsuccessfully(former, "Superseded", problem, target, now);
}

/** Stands for the version a pointer should have named. */
function missingModel(promotion: Promotion): ModelVersion {
  return {
    name: promotion.model,
    version: promotion.version ?? "unknown",
    createdAt: 0,
    status: "MISSING",
  };
}
