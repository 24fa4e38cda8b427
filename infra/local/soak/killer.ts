import { setTimeout as delay } from "node:timers/promises";
import { AppRefusedError } from "../stack/app-process.ts";
import type { Stack } from "../stack/stack.ts";
import type { Random } from "./random.ts";

/** The app lives no shorter and no longer than this once it listens, milliseconds. */
const SOONEST_MS = 1_000;
const LATEST_MS = 5_000;
/** An app that refuses to start so often in a row has a reason that does not pass. */
const MAX_REFUSALS = 5;

export interface KillerOptions {
  stack: Pick<Stack, "killApp" | "startAppAgain" | "appEnded">;
  random: Random;
  /** Between one kill and the next on average, the start in between included, milliseconds. */
  meanMs: () => number;
  /** Ends the killing; the app runs afterwards. */
  signal: AbortSignal;
  onKill: () => void;
  /** The app listens again. */
  onStart: () => void;
  /** The app ended although nobody killed it. */
  onOwnEnd: () => void;
  /** Resolves after so many milliseconds, or rejects when the signal aborts; the real one when left out. */
  sleep?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

/** Kills the app again and again and starts it at once; resolves when it is told to stop, with the app running. */
export async function keepKilling(options: KillerOptions): Promise<void> {
  const { stack, random, meanMs, signal, onKill, onStart, onOwnEnd } = options;
  let startMs = 0;
  while (!signal.aborted) {
    const ended = await waitOrEnd(options, drawLife(random, meanMs() - startMs));
    if (ended) onOwnEnd();
    if (signal.aborted && !ended) return;
    const killedAt = performance.now();
    if (!ended) {
      await stack.killApp();
      onKill();
    }
    await startAgain(stack);
    onStart();
    startMs = performance.now() - killedAt;
  }
}

/** True: the app has ended by itself before the time was over. */
async function waitOrEnd({ stack, signal, sleep = realSleep }: KillerOptions, milliseconds: number): Promise<boolean> {
  const over = new AbortController();
  const time = sleep(milliseconds, AbortSignal.any([signal, over.signal])).then(
    () => false,
    () => false,
  );
  const first = await Promise.race([time, stack.appEnded().then(() => true)]);
  over.abort();
  return first;
}

function realSleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return delay(milliseconds, undefined, { signal });
}

/** 1 to 5 s with this mean: mostly short, now and then long enough for something to come to an end. */
export function drawLife(random: Random, meanMs: number): number {
  const share = (Math.min(Math.max(meanMs, SOONEST_MS + 1), LATEST_MS) - SOONEST_MS) / (LATEST_MS - SOONEST_MS);
  // A uniform draw to the power of k has the mean 1 / (k + 1).
  return SOONEST_MS + (LATEST_MS - SOONEST_MS) * random.next() ** (1 / share - 1);
}

async function startAgain(stack: KillerOptions["stack"]): Promise<void> {
  for (let refusals = 1; ; refusals++) {
    try {
      return await stack.startAppAgain();
    } catch (error) {
      if (!(error instanceof AppRefusedError) || refusals === MAX_REFUSALS) throw error;
    }
  }
}
