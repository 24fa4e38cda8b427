import { type ModelIdentity, sameModel } from "./model.ts";
import type { Problem } from "./problem.ts";

/** The release a target was seen serving and verified with; what a rollback puts back. */
export interface StableRelease {
  releaseId: string;
  model: ModelIdentity;
  /** `registry/repository@sha256:…` */
  image: string;
  /** The generation that proved it. */
  generation: number;
  /** The policy it was proven by, and is verified by after a rollback. */
  policyId: string;
}

/** What the target should run, as the last promotion said. */
export interface Wanted {
  model: ModelIdentity;
  policyId: string;
  generation: number;
}

/** A version that failed here; older wishes for it are refused, newer ones lift it. */
export interface Quarantined {
  model: ModelIdentity;
  /** Epoch milliseconds of the ending. */
  endedAt: number;
}

/** Why nothing is deployed to a target until a person lets go. */
export interface Hold {
  reason: Problem;
  /** Epoch milliseconds. */
  since: number;
  generation: number;
  /** The person who holds it; without one it was Belay. */
  by?: string;
}

/** One place that serves one model: the row that serialises its deployments. */
export interface Target {
  schema: 1;
  name: string;
  /** Up with every accepted promotion; starts at the epoch second, so that a lost table never falls behind the cluster. */
  generation: number;
  wanted?: Wanted;
  /** Generation of the deployment that is running. */
  active?: number;
  /** Generation of the newest deployment that waits for the active one's ending. */
  waiting?: number;
  /** Whether the active deployment has entered `rollout`: from here on a newer one waits. */
  changing: boolean;
  /** Generation of the last deployment that may have changed the cluster. */
  changedBy?: number;
  /** An older one whose tokens may still stand, where those after it ended without having changed everything. */
  uncertainSince?: number;
  stable?: StableRelease;
  /** Stable releases before it, newest first; their rows and images are kept. */
  former?: readonly StableRelease[];
  hold?: Hold;
  quarantine: readonly Quarantined[];
}

/** Generations whose tokens may stand on a target's objects before the next change; both ends included. */
export interface Formerly {
  since: number;
  last: number;
}

/** Undefined where the table knows of no change, as after its loss. */
export function formerlyOf({ changedBy, uncertainSince }: Target): Formerly | undefined {
  return changedBy === undefined ? undefined : { since: uncertainSince ?? changedBy, last: changedBy };
}

/** The release of this very version that was proven here by this policy, the latest where there are several. */
export function keptRelease(
  { stable, former = [] }: Target,
  model: ModelIdentity,
  policyId: string,
): StableRelease | undefined {
  const known = stable === undefined ? former : [stable, ...former];
  return known.find((release) => release.policyId === policyId && sameModel(release.model, model));
}

/** Quarantined versions kept per target; older ones are forgotten. */
export const MAX_QUARANTINE = 50;

/** Former stable releases remembered per target. */
export const MAX_FORMER = 30;

export function newTarget(name: string): Target {
  return { schema: 1, name, generation: 0, changing: false, quarantine: [] };
}
