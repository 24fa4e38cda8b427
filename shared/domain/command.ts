import { type Rules, stop, type Transition } from "./advance.ts";
import type { Running, Waiting } from "./deployment.ts";
import { describeModel } from "./model.ts";
import { failed } from "./problem.ts";
import type { StableRelease, Target } from "./target.ts";

/** What a person can ask of a target. */
export const COMMANDS = ["promote", "stop", "hold", "release", "forget-stable"] as const;
export type CommandName = (typeof COMMANDS)[number];

export interface Command {
  name: CommandName;
  /** Who gave it, 1 to 100 characters. */
  by: string;
  /** Why, for the history; at most 300 characters. */
  reason?: string;
}

/** What a command comes to; `done` says what was written. */
export type Answer<T> = { kind: "done"; said: string; write: T } | { kind: "nothing"; said: string };

/** Stops what is under way: before the first change it ends, after it it goes back at once. Pure. */
export function commandStop(
  { by, reason }: Command,
  active: Running | undefined,
  target: Target,
  waiting: Waiting | undefined,
  rules: Rules,
  now: number,
): Answer<Transition> {
  if (active === undefined) return { kind: "nothing", said: "Nothing is under way on this target." };
  const problem = failed("stopped", `Stopped by ${by}${because(reason)}.`);
  const write = stop(active, target, waiting, problem, rules, now);
  const model = describeModel(active.model);
  if (write === undefined) return { kind: "nothing", said: `${model} is on its way back already.` };
  const back = write.deployment.phase === "Running";
  const said = back ? `${model} goes back to the stable release.` : `${model} is stopped; nothing was changed.`;
  return { kind: "done", said, write };
}

/** Holds a target: nothing is deployed to it until it is released. What is under way goes on. Pure. */
export function commandHold({ by, reason }: Command, target: Target, now: number): Answer<Target> {
  if (target.hold !== undefined)
    return { kind: "nothing", said: `The target is held already: ${target.hold.reason.message}` };
  const problem = failed("held", `Held by ${by}${because(reason)}.`);
  const hold = { reason: problem, since: now, generation: target.generation, by };
  return {
    kind: "done",
    said: "The target is held; promotions are refused until it is released.",
    write: { ...target, hold },
  };
}

/** Lets go of a target; what was refused meanwhile is asked for again by the reconciler. Pure. */
export function commandRelease(target: Target): Answer<Target> {
  if (target.hold === undefined) return { kind: "nothing", said: "The target is not held." };
  const { hold: _hold, ...write } = target;
  return { kind: "done", said: "The target is released; what was refused meanwhile is asked for again.", write };
}

/** Forgets a stable release that is lost: the next deployment has nothing to go back to. Pure. */
export function commandForgetStable(target: Target): Answer<Target> {
  if (target.stable === undefined) return { kind: "nothing", said: "The target has no stable release." };
  if (target.changing)
    return { kind: "nothing", said: "A deployment is changing the target; stop it or wait for its ending first." };
  const { stable, ...write } = target;
  return {
    kind: "done",
    said: `${describeStable(stable)} is forgotten; the next deployment has nothing to go back to.`,
    write,
  };
}

function describeStable({ model, image }: StableRelease): string {
  return `${describeModel(model)} (${image})`;
}

function because(reason: string | undefined): string {
  return reason === undefined || reason === "" ? "" : `: ${reason}`;
}
