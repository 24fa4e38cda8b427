import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock } from "../../../shared/ports/clock.ts";
import type { Faults, PointFault } from "./faults.ts";
import type { Chance } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** One invocation of a function on a worker. */
export interface Task {
  readonly id: number;
  readonly name: string;
  readonly worker: Worker;
  dead: boolean;
  /** Nothing of it happens before this, epoch milliseconds. */
  frozenUntil: number;
  /** Told once when it freezes or dies. */
  readonly onLoss: () => void;
  /** Told when what it holds is given to somebody else, while it goes on. */
  readonly onUnlock: () => void;
  lost: boolean;
  readonly timeouts: { at: number; controller: AbortController }[];
}

/** A process of the app: its tasks die with it. */
export interface Worker {
  readonly id: number;
  readonly skewMs: number;
  /** Whether it runs the next build. */
  readonly next: boolean;
  readonly tasks: Set<Task>;
  dead: boolean;
}

/** What a caller hears of a call that failed without an answer, by the system called. */
export interface CallErrors {
  /** Told that it did not happen. */
  unanswered: () => Error;
  throttled: () => Error;
  /** What answers in place of an error, where the port never throws. */
  instead?: () => unknown;
}

/** Runs code under test on worker processes that die, freeze and lose answers, in virtual time. */
export interface Workers {
  alive(): readonly Worker[];
  /** Starts a process; it is told when it has died. */
  spawn(next: boolean, skewMs: number): Worker;
  kill(worker: Worker): void;
  /** The clock that code on this worker sees. */
  clock(worker: Worker): Clock;
  /** Runs an invocation; `ended` is told unless it dies. */
  run(worker: Worker, name: string, work: () => Promise<unknown>, on: TaskEvents): void;
  /** A call of the task at hand to the outside. */
  call<T>(point: string, effect: () => T | Promise<T>, errors: CallErrors): Promise<T>;
  onDeath(listener: (worker: Worker) => void): void;
  /** Every call so far. */
  calls(): number;
  /** The name of the invocation that is being played, where one is. */
  current(): string | undefined;
  /** Tells invocations of one name apart. */
  currentId(): number | undefined;
  /** Names of the invocations that are under way and not lost to their host. */
  underWay(): readonly string[];
}

export interface TaskEvents {
  ended: (error: unknown) => void;
  /** It froze or died: whatever it holds runs out. */
  lost: () => void;
  /** What it holds is given to somebody else, while it goes on. */
  unlocked?: () => void;
}

const NEVER = new Promise<never>(() => {});
/** How long a caller waits for an answer that does not come. */
const PATIENCE_MS = 10_000;
/** A frozen process is dead to the platform after this, but may wake all the same. */
const FREEZE_MS = [40_000, 2 * 3_600_000] as const;

export function createWorkers(scheduler: Scheduler, chance: Chance, faults: Faults): Workers {
  const current = new AsyncLocalStorage<Task>();
  const workers = new Set<Worker>();
  const deaths: ((worker: Worker) => void)[] = [];
  let ids = 0;
  let calls = 0;
  let tasks = 0;

  const lose = (task: Task): void => {
    if (task.lost) return;
    task.lost = true;
    task.onLoss();
  };
  const kill = (worker: Worker): void => {
    if (worker.dead) return;
    worker.dead = true;
    workers.delete(worker);
    for (const task of worker.tasks) {
      task.dead = true;
      lose(task);
    }
    for (const listener of deaths) listener(worker);
  };
  const freeze = (task: Task): void => {
    task.frozenUntil = scheduler.now() + chance.between(...FREEZE_MS);
    lose(task);
  };
  /** A process that wakes finds its time-outs run out. */
  const wake = (task: Task): void => {
    const due = task.timeouts.filter(({ at }) => at <= scheduler.now());
    if (due.length === 0) return;
    task.timeouts.splice(0, task.timeouts.length, ...task.timeouts.filter(({ at }) => at > scheduler.now()));
    for (const { controller } of due)
      controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
  };
  /** Does something for a task at a time, or when it wakes; never for one that is dead. */
  const later = (task: Task, at: number, act: () => void): void => {
    scheduler.at(Math.max(at, task.frozenUntil), () => {
      if (task.dead) return;
      if (scheduler.now() < task.frozenUntil) return later(task, task.frozenUntil, act);
      wake(task);
      act();
    });
  };

  const perform = <T>(
    task: Task,
    fault: PointFault | undefined,
    effect: () => Promise<T>,
    errors: CallErrors,
    settle: { resolve: (value: T) => void; reject: (error: unknown) => void },
  ): void => {
    const latency = () => scheduler.now() + chance.between(1, 25);
    const answer = (result: Promise<T>, at = latency()): void => {
      result.then(
        (value) => later(task, at, () => settle.resolve(value)),
        (error: unknown) => later(task, at, () => settle.reject(error)),
      );
    };
    const refuse = (error: () => Error, at = latency()): void =>
      later(task, at, () =>
        errors.instead === undefined ? settle.reject(error()) : settle.resolve(errors.instead() as T),
      );
    switch (fault) {
      case undefined:
        return answer(effect());
      case "crash-before":
        return kill(task.worker);
      case "crash-after":
        effect().catch(() => undefined);
        return kill(task.worker);
      case "freeze-before":
        freeze(task);
        return later(task, task.frozenUntil, () => answer(effect()));
      case "freeze-after":
        freeze(task);
        return answer(effect());
      case "ambiguous":
        effect().catch(() => undefined);
        return refuse(errors.unanswered);
      case "refused":
        return refuse(errors.unanswered);
      case "throttled":
        return refuse(errors.throttled);
      case "late":
        // What was sent cannot be called back, whatever becomes of the sender.
        scheduler.at(
          scheduler.now() + chance.between(PATIENCE_MS + 1, 90_000),
          () => void effect().catch(() => undefined),
        );
        return refuse(errors.unanswered, scheduler.now() + PATIENCE_MS);
      case "lock-lost":
        task.onUnlock();
        return answer(effect());
      case "replayed":
        return answer(effect().then(effect, effect));
      default:
        return fault satisfies never;
    }
  };

  return {
    alive: () => [...workers],
    spawn: (next, skewMs) => {
      ids += 1;
      const worker: Worker = { id: ids, skewMs, next, tasks: new Set(), dead: false };
      workers.add(worker);
      return worker;
    },
    kill,
    clock: (worker) => ({
      now: () => scheduler.now() + worker.skewMs,
      timeout: (ms) => {
        const controller = new AbortController();
        current.getStore()?.timeouts.push({ at: scheduler.now() + ms, controller });
        return controller.signal;
      },
    }),
    run: (worker, name, work, { ended, lost, unlocked = () => undefined }) => {
      const timeouts: Task["timeouts"] = [];
      tasks += 1;
      const alive = { dead: false, lost: false, frozenUntil: 0 };
      const task: Task = { id: tasks, name, worker, ...alive, onLoss: lost, onUnlock: unlocked, timeouts };
      worker.tasks.add(task);
      const end = (error: unknown) => {
        worker.tasks.delete(task);
        if (!task.dead) ended(error);
      };
      current.run(task, () => work().then(() => end(undefined), end));
    },
    call: (point, effect, errors) => {
      const task = current.getStore();
      if (task === undefined) throw new Error(`${point} was called outside of any task.`);
      if (task.dead) return NEVER;
      calls += 1;
      const fault = faults.atCall(point);
      return new Promise((resolve, reject) => {
        perform(task, fault, async () => effect(), errors, { resolve, reject });
      });
    },
    onDeath: (listener) => void deaths.push(listener),
    calls: () => calls,
    current: () => current.getStore()?.name,
    currentId: () => current.getStore()?.id,
    underWay: () => [...workers].flatMap(({ tasks }) => [...tasks].flatMap(({ name, lost }) => (lost ? [] : [name]))),
  };
}
