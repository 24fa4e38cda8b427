import type { Timer } from "@azure/functions";
import type { App, TimerName } from "../shared/composition.ts";
import { logged } from "./logged.ts";

/** One tick; what it throws is logged by the host, and the next tick tries again. */
export function createTimerFunction(app: App, timer: TimerName) {
  return logged(async (_timer: Timer): Promise<void> => app.tick(timer));
}
