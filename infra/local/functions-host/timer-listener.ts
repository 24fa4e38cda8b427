import type { Fire } from "./admin.ts";
import type { TypedData } from "./rpc.ts";
import type { TimerSchedule } from "./timer-schedule.ts";
import type { TimerStatus, TimerStatusStore } from "./timer-status.ts";

export interface Clock {
  now(): Date;
  /** Calls back once after so many milliseconds (at most 24 days); returns the cancelling. */
  after(milliseconds: number, callback: () => void): () => void;
}

export interface TimerListener {
  start(): void;
  /** Runs the function now, outside its schedule, once what runs has ended. */
  readonly fire: Fire;
  /** Starts no further occurrence; one that runs goes on. */
  stop(): void;
}

export interface TimerListenerDeps {
  readonly name: string;
  readonly expression: string;
  readonly schedule: TimerSchedule;
  readonly runOnStartup: boolean;
  /** Undefined: the status is not kept, and the function is told of none (`useMonitor: false`). */
  readonly store: TimerStatusStore | undefined;
  readonly clock: Clock;
  /** Runs the function to its end; never throws. */
  readonly run: (data: TypedData, reason: string) => Promise<void>;
}

/** The longest wait in one piece: timers of Node, as those of .NET, hold less than 25 days. */
const LONGEST_WAIT_MILLISECONDS = 24 * 24 * 3600 * 1000;
/** .NET's DateTime.MinValue: this has not happened yet. */
const NEVER = "0001-01-01T00:00:00Z";

/** Runs one timer function as the real host's TimerListener does: never twice at once, the next occurrence reckoned from the last start. */
export function createTimerListener(deps: TimerListenerDeps): TimerListener {
  const { clock, schedule, expression, name } = deps;
  let status: TimerStatus | undefined;
  let running: Promise<void> = Promise.resolve();
  let cancel = () => {};
  let stopped = false;

  function runNext(isPastDue: boolean, reason: string): Promise<void> {
    running = running.then(() => deps.run({ json: JSON.stringify(toTimerInfo(isPastDue)) }, reason));
    return running;
  }

  function toTimerInfo(isPastDue: boolean) {
    const times = { Last: status?.last ?? NEVER, Next: status?.next ?? NEVER, LastUpdated: status?.last ?? NEVER };
    return {
      Schedule: { AdjustForDST: true },
      ScheduleStatus: deps.store && status ? times : null,
      IsPastDue: isPastDue,
    };
  }

  function save(last: Date | undefined, after: Date): void {
    const next = schedule.next(after);
    status = next === undefined ? undefined : { schedule: expression, last, next };
    if (status !== undefined) deps.store?.write(name, status);
  }

  async function occur(isPastDue: boolean, scheduled: boolean): Promise<void> {
    const now = clock.now();
    await runNext(isPastDue, `Timer fired at ${now.toISOString()}`);
    // A timer that woke a moment early must not meet the same occurrence again.
    const started = scheduled && status !== undefined && status.next > now ? status.next : now;
    save(started, started);
    arm();
  }

  function arm(): void {
    if (stopped || status === undefined) return;
    const wait = status.next.getTime() - clock.now().getTime();
    cancel = clock.after(Math.min(Math.max(wait, 1), LONGEST_WAIT_MILLISECONDS), () =>
      wait > LONGEST_WAIT_MILLISECONDS ? arm() : void occur(false, true),
    );
  }

  return {
    start() {
      const kept = deps.store?.read(name);
      status = kept?.schedule === expression ? kept : undefined;
      const isPastDue = status !== undefined && status.next <= clock.now();
      if (status === undefined) save(undefined, clock.now());
      if (isPastDue || deps.runOnStartup) cancel = clock.after(1, () => void occur(isPastDue, false));
      else arm();
    },
    fire: () => runNext(false, "This function was programmatically called via the host APIs."),
    stop() {
      stopped = true;
      cancel();
    },
  };
}
