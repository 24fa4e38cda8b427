import { type Deployment, hasEnded, type Running, type Waiting } from "./deployment.ts";
import { type Owed, owed } from "./owed.ts";
import type { Target } from "./target.ts";

/** How often the messages of one save were sent again, and when they may be next. */
export interface Swept {
  /** The save. */
  sequence: number;
  times: number;
  /** Epoch milliseconds. */
  nextAt: number;
}

/** What the sweep read of one open deployment. */
export interface Seen {
  /** Which deployment the hint names. */
  generation: number;
  /** When the hint was written, epoch milliseconds. */
  hintedAt: number;
  swept: Swept;
  target: Target | undefined;
  deployment: Deployment | undefined;
  /** The target's active deployment. */
  active: Deployment | undefined;
  /** What of the ended deployment's messages has been done. */
  done: readonly string[];
}

export type SweepDecision =
  | { kind: "leave" }
  /** `untold`: what was owed to the last and never done. */
  | { kind: "remove"; untold: readonly string[] }
  | { kind: "send"; messages: readonly Owed[]; swept: Swept };

/** Messages are sent again when they are this late; the pause doubles with every time. */
const FIRST_MS = 120_000;
const LARGEST_MS = 24 * 3_600_000;
/** After this a dead notifier is given up, and a hint whose accept never came to be. */
const GIVE_UP_MS = 7 * 24 * 3_600_000;

/** What becomes of the hint of one open deployment. Pure. */
export function sweep(seen: Seen, now: number): SweepDecision {
  const { deployment } = seen;
  if (deployment === undefined) return sweepUnaccepted(seen, now);
  if (hasEnded(deployment)) return sweepEnded(seen, deployment, now);
  if (deployment.phase === "Waiting" && isUnderWay(seen)) return { kind: "leave" };
  return sendAgain(seen, deployment, owed(deployment), deployment.resumeAt, now);
}

/** A generation that the target is past can never be accepted any more. */
function sweepUnaccepted({ target, generation, hintedAt }: Seen, now: number): SweepDecision {
  const past = (target !== undefined && target.generation >= generation) || now - hintedAt > GIVE_UP_MS;
  return past ? { kind: "remove", untold: [] } : { kind: "leave" };
}

function sweepEnded(seen: Seen, deployment: Extract<Deployment, { endedAt: number }>, now: number): SweepDecision {
  const missing = new Map(
    owed(deployment).flatMap((message) => {
      const what = settledBy(message);
      return seen.done.includes(what) ? [] : [[what, message] as const];
    }),
  );
  if (missing.size === 0) return { kind: "remove", untold: [] };
  if (now - deployment.endedAt > GIVE_UP_MS) return { kind: "remove", untold: [...missing.keys()] };
  const late = [...missing.values()].filter((message) => now >= dueAt(message, deployment.endedAt) + FIRST_MS);
  return late.length === 0 ? { kind: "leave" } : sendAgain(seen, deployment, late, deployment.endedAt, now);
}

/** What is marked as done when this message of an ended deployment has been handled. */
function settledBy({ body }: Owed): string {
  return "notifier" in body ? body.notifier : "prune";
}

function dueAt(message: Owed, endedAt: number): number {
  return "at" in message && message.at !== undefined ? message.at : endedAt;
}

/** The deployment that is waited for will start the waiting one by its ending. */
function isUnderWay({ active }: Seen): boolean {
  return active !== undefined && !hasEnded(active);
}

function sendAgain(
  { swept }: Seen,
  deployment: Deployment | Running | Waiting,
  messages: readonly Owed[],
  due: number,
  now: number,
): SweepDecision {
  const { sequence } = deployment;
  const before = swept.sequence === sequence ? swept : { sequence, times: 0, nextAt: 0 };
  if (now < Math.max(before.nextAt, due + FIRST_MS)) return { kind: "leave" };
  const times = before.times + 1;
  return {
    kind: "send",
    messages: messages.map((message) => again(message, times)),
    swept: { sequence, times, nextAt: now + Math.min(FIRST_MS * 2 ** times, LARGEST_MS) },
  };
}

/** At once, and under an id of its own: the former one may still be taken for a duplicate. */
function again(message: Owed, times: number): Owed {
  const id = `${message.id}/sweep-${times}`;
  if (message.queue === "notify") return { ...message, id };
  const { at: _at, ...now } = message;
  return { ...now, id };
}
