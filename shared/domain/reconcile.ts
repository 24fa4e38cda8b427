import { type Deployment, hasEnded, type Unsuccessful } from "./deployment.ts";
import { type ModelVersion, sameModel } from "./model.ts";
import type { TargetPolicy } from "./policy.ts";
import type { ProblemCode } from "./problem.ts";
import type { PromotionOrigin } from "./promotion.ts";
import type { Target } from "./target.ts";

/** What the reconciler read of one target: the table first, then the registry. */
export interface Compared {
  policy: Pick<TargetPolicy, "missing">;
  target: Target;
  /** The record of what is wanted. */
  wanted: Deployment | undefined;
  /** What the pointer says now; undefined: it points nowhere. */
  found: ModelVersion | undefined;
}

/** What one look at a target comes to. */
export type Reconciliation =
  /** The registry and the target agree, or somebody is at it. */
  | { kind: "agreed" }
  /** They agree, and the ending is to be tried again at this time, epoch milliseconds. */
  | { kind: "later"; at: number }
  | { kind: "ask"; origin: Extract<PromotionOrigin, { kind: "difference" | "retry" }> };

/** An ending is tried again after this; the pause doubles with each attempt in a row. */
const FIRST_RETRY_MS = 120_000;
/** From here on only the daily check tries again. */
const MAX_ATTEMPTS = 8;

const AGREED: Reconciliation = { kind: "agreed" };

/** What the registry says against what is wanted. Pure. */
export function reconcile(compared: Compared, now: number): Reconciliation {
  const { target, wanted, found } = compared;
  if (found === undefined) return isTold(compared) ? AGREED : { kind: "ask", origin: { kind: "difference" } };
  if (wanted === undefined || target.wanted === undefined || !sameModel(target.wanted.model, found))
    return { kind: "ask", origin: { kind: "difference" } };
  if (!hasEnded(wanted) || wanted.phase === "Succeeded" || !mayBeMended(wanted, target, found)) return AGREED;
  const attempt = attemptsOf(wanted);
  if (attempt >= MAX_ATTEMPTS) return AGREED;
  const at = wanted.endedAt + FIRST_RETRY_MS * 2 ** attempt;
  if (now < at) return { kind: "later", at };
  return { kind: "ask", origin: { kind: "retry", of: wanted.generation, attempt: attempt + 1 } };
}

/** The daily check's try of an ending that may be mended, however often it was tried. Pure. */
export function retryOnceMore(compared: Compared): Reconciliation {
  const { target, wanted, found } = compared;
  if (wanted === undefined || found === undefined || !hasEnded(wanted) || wanted.phase === "Succeeded") return AGREED;
  if (target.wanted === undefined || !sameModel(target.wanted.model, found)) return AGREED;
  if (!mayBeMended(wanted, target, found)) return AGREED;
  return { kind: "ask", origin: { kind: "retry", of: wanted.generation, attempt: attemptsOf(wanted) + 1 } };
}

/** How often in a row this ending has been tried again. */
function attemptsOf({ promotion: { origin } }: Deployment): number {
  return origin.kind === "retry" ? origin.attempt : 0;
}

/** A pointer that never named a version asks for nothing; one that no longer does has been told of once. */
function isTold({ policy, target }: Compared): boolean {
  return policy.missing === "ignore" || target.wanted === undefined || target.wanted.model.createdAt === 0;
}

/** Refusals of kind failed that say nothing about the model: whether what they found is over. */
const MENDED: Partial<Record<ProblemCode, (target: Target, found: ModelVersion) => boolean>> = {
  held: () => true,
  "pointer-moved": () => true,
  "version-missing": () => true,
  "version-not-ready": (_target, found) => found.status === "READY",
  "stable-lost": ({ stable }) => stable === undefined,
};

/** Whether trying again could come to something else. Nothing is tried while a person holds the target. */
function mayBeMended(ended: Unsuccessful, target: Target, found: ModelVersion): boolean {
  if (target.hold !== undefined) return false;
  const { kind, code } = ended.cause ?? ended.problem;
  return kind === "errored" || MENDED[code]?.(target, found) === true;
}
