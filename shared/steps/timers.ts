import type { PipelineDependencies } from "./consumers.ts";
import { createDailyCheck } from "./daily-check.ts";
import { createDailyRetry, createReconcile } from "./reconcile.ts";
import { createRetain } from "./retain.ts";
import { createSweep } from "./sweep.ts";

/** Every timer by its function's name. */
export const TIMERS = ["reconcile", "sweep", "daily-check"] as const;
export type TimerName = (typeof TIMERS)[number];

/** What a timer's tick does; what one part throws keeps no other from its turn, and is thrown at the end. */
export type Tick = () => Promise<void>;

/** What each timer does on a tick; `alsoSwept` is a further part of the sweep. */
export function createTimers(
  dependencies: PipelineDependencies,
  ...alsoSwept: readonly Tick[]
): Readonly<Record<TimerName, Tick>> {
  return {
    reconcile: inTurn(createReconcile(dependencies)),
    sweep: inTurn(createSweep(dependencies), createRetain(dependencies), ...alsoSwept),
    "daily-check": inTurn(createDailyRetry(dependencies), createDailyCheck(dependencies)),
  };
}

function inTurn(...parts: readonly (() => Promise<unknown>)[]): Tick {
  return async () => {
    const errors: unknown[] = [];
    for (const part of parts) await part().catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw errors[0];
  };
}
