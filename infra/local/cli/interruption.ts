/** The process, as far as it can be interrupted. */
export interface Interruptible {
  readonly ppid: number;
  on(name: "SIGINT" | "SIGTERM", listener: () => void): unknown;
  exit(code: number): void;
}

/** What a shell expects of a program that was interrupted. */
export const INTERRUPTED = 130;
/** A terminal signals a whole process group, and npm passes the signal on: the second within this is the first. */
const SAME_MS = 1_000;
const LOOK_MS = 1_000;

/**
 * Aborts with the first SIGINT or SIGTERM, so that what was started can be stopped; a later one ends the process at
 * once. Aborts as well when the parent is gone: a signal to npm alone ends npm and its shell, and never comes here.
 */
export function listenForInterruption(
  process: Interruptible,
  now: () => number,
  every: (milliseconds: number, call: () => void) => void,
): AbortSignal {
  const interruption = new AbortController();
  const parent = process.ppid;
  let first: number | undefined;
  for (const name of ["SIGINT", "SIGTERM"] as const)
    process.on(name, () => {
      first ??= now();
      if (now() - first > SAME_MS) process.exit(INTERRUPTED);
      interruption.abort();
    });
  every(LOOK_MS, () => {
    if (process.ppid !== parent) interruption.abort();
  });
  return interruption.signal;
}
