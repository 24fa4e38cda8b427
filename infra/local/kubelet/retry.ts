import { pause } from "./container-probes.ts";

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5000;

/** Repeats an action with growing waits until it succeeds; undefined when the signal comes first. */
export async function retry<T>(
  action: () => Promise<T>,
  signal: AbortSignal,
  failed: (error: unknown) => void,
): Promise<T | undefined> {
  let wait = FIRST_WAIT_MS;
  while (!signal.aborted) {
    try {
      return await action();
    } catch (error) {
      if (signal.aborted) return undefined;
      failed(error);
      await pause(wait, signal);
      wait = Math.min(2 * wait, LONGEST_WAIT_MS);
    }
  }
  return undefined;
}
