import { setTimeout as delay } from "node:timers/promises";
import type { ServiceBusBroker } from "../service-bus/broker.ts";

/** Nothing may be under way so often in a row. */
const QUIET_LOOKS = 3;

export interface SettleOptions {
  /** What is still under way, one sentence each. Rejects while nobody can say. */
  look: () => Promise<readonly string[]>;
  limitMs: number;
  /** Between two looks; 500 when left out. */
  lookMs?: number;
  signal: AbortSignal;
}

/** Waits until nothing is under way; what still was when the time was over. */
export async function settle({ look, limitMs, lookMs = 500, signal }: SettleOptions): Promise<readonly string[]> {
  const deadline = performance.now() + limitMs;
  let found: readonly string[] = ["nobody has looked yet"];
  for (let quiet = 0; quiet < QUIET_LOOKS && performance.now() < deadline; ) {
    found = await look().catch((error: unknown) => [error instanceof Error ? error.message : String(error)]);
    quiet = found.length === 0 ? quiet + 1 : 0;
    await delay(lookMs, undefined, { signal });
  }
  return found;
}

/**
 * Queues in which a scheduled message is work that is tried again. In the others it is the next look at an open
 * deployment, or a later look at one that was open or has left something behind.
 */
const TRIED_AGAIN = new Set(["promotions", "notify"]);

/** Messages that somebody still has to take, or has at hand. */
export function messagesUnderWay(bus: Pick<ServiceBusBroker, "inspect">, queues: readonly string[]): readonly string[] {
  return queues.flatMap((queue) => {
    const { active, locked, scheduled } = bus.inspect(queue);
    const open = active + locked + (TRIED_AGAIN.has(queue) ? scheduled : 0);
    return open === 0 ? [] : [`the queue ${queue} holds ${open} messages`];
  });
}
