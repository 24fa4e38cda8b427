import { type Deployment, deploymentId, hasEnded } from "./deployment.ts";
import type { Step } from "./pipeline.ts";
import type { NotifierName } from "./policy.ts";

/** Carries no state, only who and which save: whoever receives it reads the rest. */
export interface StepMessage {
  target: string;
  generation: number;
  sequence: number;
}

/** Asks for one look at what a deployment may have left behind. */
export interface PruneMessage extends StepMessage {
  look: "prune";
}

/** Asks for one look of the daily check at what a target runs. */
export interface CheckMessage {
  target: string;
  look: "daily-check";
  /** `2026-11-25` */
  day: string;
  /** Looks that were made before this one. */
  looks: number;
}

/** Asks for one notifier to be told of what a daily check found. */
export interface ReportMessage {
  target: string;
  /** The day of the check. */
  report: string;
  notifier: NotifierName;
}

export interface NotifyMessage extends StepMessage {
  notifier: NotifierName;
}

/** A message that a saved record owes. Sending it twice is the same as once. */
export type Owed =
  | { queue: Step; id: string; at?: number; body: StepMessage | PruneMessage }
  | { queue: "notify"; id: string; body: NotifyMessage };

/**
 * When what is left of an ended deployment is removed: at once, and once more after the longest time
 * a frozen worker can live (`functionTimeout`, 5 minutes).
 */
const LAST_PRUNE_MS = 330_000;
const PRUNE_AFTER_MS = [0, LAST_PRUNE_MS];

/** Whether a look made now is the last one that an ended deployment needs. */
export function isLastPrune(endedAt: number, now: number): boolean {
  return now >= endedAt + LAST_PRUNE_MS;
}

/** Every message a record owes from the moment it is saved. Pure. */
export function owed(deployment: Deployment): readonly Owed[] {
  const id = `${deploymentId(deployment)}/${deployment.sequence}`;
  const body: StepMessage = {
    target: deployment.target,
    generation: deployment.generation,
    sequence: deployment.sequence,
  };
  if (hasEnded(deployment)) {
    const told = deployment.notify.map(
      (notifier): Owed => ({ queue: "notify", id: `${id}/${notifier}`, body: { ...body, notifier } }),
    );
    const pruned = PRUNE_AFTER_MS.map(
      (after): Owed => ({
        queue: "rollback",
        id: `${id}/prune-${after}`,
        at: deployment.endedAt + after,
        body: { ...body, look: "prune" },
      }),
    );
    return deployment.changed ? [...told, ...pruned] : told;
  }
  const queue = deployment.phase === "Waiting" ? "validate" : deployment.step;
  return [{ queue, id, at: deployment.resumeAt, body }];
}
