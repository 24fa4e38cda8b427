import { firstStep } from "./advance.ts";
import { type Deployment, deploymentId, hasEnded, type Running, type Waiting } from "./deployment.ts";
import { endUnsuccessfully, identityOf, refusal } from "./ending.ts";
import { describeModel, type ModelVersion, sameModel } from "./model.ts";
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
  /** One transaction: the target and every record that changes. */
  | { kind: "commit"; target: Target; deployments: readonly Deployment[]; accepted: Deployment };

/** Whether a promotion becomes a deployment, waits, is refused, or was already there. Pure. */
export function accept(wish: Wish, now: number): Decision {
  const model = wish.found ?? missingModel(wish.promotion);
  const repeated = repeatOf(wish, model);
  if (repeated !== undefined) return { kind: "repeat", deployment: repeated };
  const generation = Math.max(wish.target.generation + 1, Math.floor(now / 1000));
  const target: Target = {
    ...wish.target,
    generation,
    wanted: { model: identityOf(model), policyId: wish.policyId, generation },
  };
  const base = {
    schema: 1,
    target: target.name,
    generation,
    sequence: 1,
    promotion: wish.promotion,
    model,
    policyId: wish.policyId,
    notify: wish.policy.notify,
    createdAt: now,
    work: {},
  } as const;
  const refused = refuse(wish, model);
  if (refused !== undefined) {
    const waiting: Waiting = { ...base, sequence: 0, phase: "Waiting", resumeAt: now };
    const rejected = endUnsuccessfully(waiting, "Rejected", refused, target, now);
    return { kind: "commit", target, deployments: [rejected], accepted: rejected };
  }
  return target.changing && isOpen(wish.active)
    ? wait({ ...base, phase: "Waiting", resumeAt: now + WAITING_LOOK_MS }, target, wish.waiting, now)
    : start({ ...base, ...firstStep(now) }, target, wish.active, now);
}

/** Only what the target wants is a repeat, not what it runs; a wish signed after that version's ending is new. */
function repeatOf({ target, wanted, promotion, policyId }: Wish, model: ModelVersion): Deployment | undefined {
  if (target.wanted === undefined || wanted === undefined) return undefined;
  if (!sameModel(target.wanted.model, model) || target.wanted.policyId !== policyId) return undefined;
  // The clock that signs wishes may be ahead of the table's: a wish is never newer than its own ending.
  if (promotion.id === wanted.promotion.id) return wanted;
  return hasEnded(wanted) && promotion.wishedAt > wanted.endedAt ? undefined : wanted;
}

function refuse({ found, promotion, target }: Wish, model: ModelVersion): Problem | undefined {
  if (found === undefined)
    return failed(
      "pointer-missing",
      `The ${describePointer(promotion.pointer)} of ${promotion.model} points to no version.`,
    );
  return refusal(target, model, promotion.wishedAt);
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
