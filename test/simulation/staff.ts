import type { TimerName } from "../../shared/steps/timers.ts";
import type { Faults } from "./kernel/faults.ts";
import type { Chance } from "./kernel/random.ts";
import type { Scheduler } from "./kernel/scheduler.ts";
import type { Worker, Workers } from "./kernel/workers.ts";
import type { Plan } from "./plan.ts";
import { type BelayApp, type Builds, createBelayApp, type Outside, type ReplayBody } from "./world/app.ts";
import type { QueuedMessage, SimulatedBus } from "./world/bus.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const ignored = (): void => undefined;

/** Whoever runs Belay: its processes, and the host that hands things to them. */
export interface Staff {
  /** Runs an invocation on some process; false: there is none. `answered` hears what it came to, undefined: it threw or died. */
  run<T>(name: string, work: (app: BelayApp) => Promise<T>, answered: (result: T | undefined) => void): boolean;
  command(target: string, command: Parameters<BelayApp["command"]>[1], done: () => void): void;
  /** Sends what was set aside to its queue again. */
  replay(asked: ReplayBody): void;
  /** Whether an invocation is under way. */
  busy(): boolean;
  /** Stops and starts every process. */
  close(): void;
  open(): void;
  /** Ends what is left of the former build. */
  deploy(): void;
}

export interface StaffDependencies {
  plan: Plan;
  scheduler: Scheduler;
  workers: Workers;
  chance: Chance;
  builds: Builds;
  outside: Outside;
  bus: SimulatedBus;
  faults: Faults;
  say: (line: string) => void;
  /** Told when a person's command died half way. */
  cut: (target: string) => void;
}

export function createStaff(dependencies: StaffDependencies): Staff {
  const { plan, scheduler, workers, chance, builds, outside, bus, faults, say, cut } = dependencies;
  const apps = new Map<Worker, BelayApp>();
  let closed = false;
  let underWay = 0;

  const spawn = (): void => {
    if (closed || workers.alive().length >= plan.workers) return;
    const next = plan.nextBuild && !faults.healed() && chance.happens(0.5) && faults.allows("next-build", "spawn");
    const skew = chance.pick(plan.skews);
    const skewed = skew !== 0 && faults.allows("clock-skewed", "spawn") ? skew : 0;
    const worker = workers.spawn(next || (plan.nextBuild && faults.healed()), skewed);
    apps.set(
      worker,
      createBelayApp(worker.next ? builds.next : builds.present, outside, workers.call, workers.clock(worker)),
    );
    say(
      `worker ${worker.id} starts${worker.next ? " with the next build" : ""}${skewed === 0 ? "" : `, its clock ${skewed / 1000} s off`}`,
    );
  };
  workers.onDeath((worker) => {
    say(`worker ${worker.id} dies`);
    apps.delete(worker);
    if (!closed) scheduler.at(scheduler.now() + chance.between(500, 40_000), spawn);
  });
  const choose = (): Worker | undefined => {
    const alive = workers.alive();
    return alive[chance.between(0, alive.length - 1)];
  };
  const start = (
    name: string,
    work: (app: BelayApp) => Promise<unknown>,
    ended: (error: unknown) => void,
    lost: () => void,
    unlocked?: () => void,
  ): boolean => {
    const worker = choose();
    const app = worker === undefined ? undefined : apps.get(worker);
    if (worker === undefined || app === undefined) return false;
    say(`${name} on worker ${worker.id}`);
    underWay += 1;
    let counted = true;
    const count = () => {
      if (counted) underWay -= 1;
      counted = false;
    };
    workers.run(worker, name, () => work(app), {
      ended: (error) => {
        count();
        ended(error);
      },
      lost: () => {
        say(`${name} is lost to its host`);
        count();
        lost();
      },
      ...(unlocked === undefined ? {} : { unlocked }),
    });
    return true;
  };
  bus.onDue((message: QueuedMessage) => {
    const lock = message.lock ?? {};
    return start(
      `${message.queue} ${message.id}`,
      (app) => app.message(message.queue, JSON.parse(message.body), message.id),
      (error) => (error === undefined ? bus.complete(message, lock) : bus.abandon(message, lock)),
      () => bus.orphan(message, lock),
      () => bus.unlock(message, lock),
    );
  });
  const timer = (name: TimerName, everyMs: number): void => {
    let pause = everyMs;
    let free = true;
    const tick = (): void => {
      // A timer is one of its kind: the host's lease keeps two ticks apart, until the one that has it is lost.
      if (free) {
        free = !start(
          `timer ${name}`,
          (app) => app.tick(name),
          () => {
            free = true;
          },
          () => {
            scheduler.at(scheduler.now() + MINUTE, () => {
              free = true;
            });
          },
        );
      }
      if (faults.healed() && everyMs < DAY) pause = Math.min(pause * 2, 180 * MINUTE);
      scheduler.at(scheduler.now() + pause, tick);
    };
    scheduler.at(scheduler.now() + everyMs, tick);
  };
  timer("reconcile", plan.timers.reconcileMs);
  timer("sweep", plan.timers.sweepMs);
  timer("daily-check", DAY);

  const open = (): void => {
    closed = false;
    for (let one = 0; one < plan.workers; one++) spawn();
  };
  open();
  return {
    run: <T>(name: string, work: (app: BelayApp) => Promise<T>, answered: (result: T | undefined) => void) => {
      let result: T | undefined;
      return start(
        name,
        async (app) => {
          result = await work(app);
        },
        () => answered(result),
        () => answered(undefined),
      );
    },
    command: (target, command, done) => {
      const give = () => start(`command ${command.name}`, (app) => app.command(target, command), ended, again);
      const ended = (error: unknown) => (error === undefined ? done() : again());
      // A person whose request failed tries it again.
      const again = () => {
        cut(target);
        scheduler.at(scheduler.now() + 30_000, () => void (give() || again()));
      };
      if (!give()) again();
    },
    replay: (asked) => {
      start("command replay", (app) => app.replay(asked), ignored, ignored);
    },
    busy: () => underWay > 0,
    close: () => {
      closed = true;
      for (const worker of workers.alive()) workers.kill(worker);
    },
    open,
    deploy: () => {
      open();
      if (plan.nextBuild) for (const worker of workers.alive()) if (!worker.next) workers.kill(worker);
    },
  };
}
