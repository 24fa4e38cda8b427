import { PermanentError } from "../../shared/domain/errors.ts";
import type { NotifierName, TargetPolicy } from "../../shared/domain/policy.ts";
import type { TimerName } from "../../shared/steps/timers.ts";
import { createChecks } from "./check/checks.ts";
import type { Verdict } from "./check/verdict.ts";
import { createSimulatedCluster, type SimulatedCluster } from "./cluster/simulated-cluster.ts";
import { createFaults, type Faults, type FaultsOptions, type Injected, type WorldFault } from "./kernel/faults.ts";
import { type Chance, createChance, mix } from "./kernel/random.ts";
import { createScheduler, type Scheduler } from "./kernel/scheduler.ts";
import { createWorkers, type Worker, type Workers } from "./kernel/workers.ts";
import type { Doing, Plan, Trouble } from "./plan.ts";
import { type BelayApp, type BelayModules, createBelayApp, type Outside } from "./world/app.ts";
import { createSimulatedBuilds } from "./world/build-service.ts";
import { createSimulatedBus, type QueuedMessage, type SimulatedBus } from "./world/bus.ts";
import { createSimulatedRegistry, type SimulatedRegistry } from "./world/models.ts";
import { createSimulatedTable } from "./world/table.ts";

/** The builds that take turns in a history. */
export interface Builds {
  present: BelayModules;
  next: BelayModules;
}

export interface HistoryOptions {
  plan: Plan;
  builds: Builds;
  /** Faults that are left out, by the index of their draw. */
  without?: ReadonlySet<number>;
  /** In place of faults by chance. */
  planned?: FaultsOptions["planned"];
  /** Told what happens, in words. */
  trace?: (line: string) => void;
}

/** What a history came to. */
export interface HistoryResult extends Verdict {
  faults: readonly Injected[];
  /** Calls to the outside. */
  calls: number;
  /** Virtual milliseconds. */
  lastedMs: number;
}

/** 2026-09-21T14:13:20Z */
export const START = 1_790_000_000_000;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** A history that has not come to rest after this has a deployment that is stuck. */
const PATIENCE_MS = 20 * DAY;

/** Plays one history to its rest and judges it. */
export async function playHistory(options: HistoryOptions): Promise<HistoryResult> {
  const world = createHistory(options);
  await world.play();
  return {
    ...world.checks.verdict(),
    faults: world.faults.injected(),
    calls: world.workers.calls(),
    lastedMs: world.scheduler.now() - START,
  };
}

function createHistory({ plan, builds, without, planned, trace = () => undefined }: HistoryOptions) {
  const { seed } = plan;
  const scheduler = createScheduler(START);
  const chances = Array.from({ length: 6 }, (_, index) => createChance(mix(seed, index + 10))) as [
    ...[Chance, Chance, Chance, Chance, Chance, Chance],
  ];
  const [faultChance, callChance, busChance, registryChance, clusterChance, worldChance] = chances;
  const faults = createFaults({
    chance: faultChance,
    rates: plan.rates,
    focus: plan.focus,
    ...(without === undefined ? {} : { without }),
    ...(planned === undefined ? {} : { planned }),
  });
  const say = (line: string) => trace(`${((scheduler.now() - START) / 1000).toFixed(1).padStart(9)} s  ${line}`);
  const workers = createWorkers(scheduler, callChance, faults);
  const bus = createSimulatedBus(scheduler, busChance, faults, plan.bus);
  const registry = createSimulatedRegistry(scheduler, registryChance, faults, plan.registry);
  const builds_ = createSimulatedBuilds(scheduler.now, (version) => plan.fates[version]?.build ?? "good");
  const cluster = createSimulatedCluster({
    now: scheduler.now,
    behaviour: (image) => plan.fates[builds_.versionOf(image)]?.pods ?? "good",
    random: clusterChance.next,
  });
  const table = createSimulatedTable(scheduler.now);
  const policies = [...plan.policies];
  const checks = createChecks({
    plan,
    policies,
    scheduler,
    workers,
    table,
    bus,
    registry,
    builds: builds_,
    cluster,
    say,
  });
  let notifierDown = false;
  const outside: Outside = {
    table,
    bus,
    registry: registry.port,
    builds: checks.watchBuilds(builds_),
    open: (namespace) => cluster.open(namespace),
    notify: (notifier: NotifierName, notification) => {
      if (notifierDown && notifier === "webhook")
        throw new PermanentError("bad-answer", "The notification's endpoint is gone.");
      checks.told(notifier, notification);
    },
    policies,
    retention: { taskRunSeconds: 7 * 86_400, releaseSeconds: 30 * 86_400, keptReleases: 10 },
    log: (_level, event, fields) => checks.logged(event, fields),
  };
  const staff = createStaff({
    plan,
    scheduler,
    workers,
    chance: worldChance,
    builds,
    outside,
    bus,
    faults,
    say,
    cut: checks.commandCut,
  });
  registry.onDelivery((delivery, answered) => {
    staff.run(
      `webhook ${delivery.id}`,
      (app) => app.webhook(delivery),
      (answer) => {
        if (answer?.accepted === true) checks.acknowledged(delivery.id);
        answered(answer?.status ?? 0);
      },
    ) || answered(0);
  });

  const world = {
    scheduler,
    policies,
    faults,
    workers,
    registry,
    cluster,
    builds: builds_,
    checks,
    staff,
    chance: worldChance,
    say,
  };
  return {
    checks,
    scheduler,
    faults,
    workers,
    play: async () => {
      for (const { at, doing } of plan.doings) scheduler.at(START + at, () => act(world, doing));
      for (const trouble of plan.troubles)
        scheduler.at(START + trouble.at, () =>
          strike(world, plan.policies, trouble, (down) => {
            notifierDown = down;
          }),
        );
      await scheduler.run(START + plan.healsAt, checks.broken);
      say("everything is well from here on");
      faults.heal();
      registry.setDown(false);
      builds_.setDown(false);
      notifierDown = false;
      staff.deploy();
      for (let slice = 0; !checks.broken() && scheduler.now() < START + plan.healsAt + PATIENCE_MS; slice++) {
        if (slice > 0 && checks.atRest(staff.busy())) break;
        await scheduler.run(scheduler.now() + 10 * MINUTE, checks.broken);
      }
      checks.judgeEnd(staff.busy());
    },
  };
}

interface World {
  scheduler: Scheduler;
  faults: Faults;
  registry: SimulatedRegistry;
  cluster: SimulatedCluster;
  builds: ReturnType<typeof createSimulatedBuilds>;
  /** The policy as the workers read it. */
  policies: TargetPolicy[];
  checks: ReturnType<typeof createChecks>;
  staff: Staff;
  chance: Chance;
  say: (line: string) => void;
}

function act({ registry, say }: World, doing: Doing): void {
  switch (doing.kind) {
    case "promote":
      say(`a data scientist registers version ${doing.version} and moves the alias to it`);
      registry.register(doing.version);
      return registry.setAlias(doing.version);
    case "back":
      say(`a data scientist moves the alias to version ${doing.version} again`);
      return registry.setAlias(doing.version);
    case "delete-alias":
      say("a data scientist deletes the alias");
      return registry.deleteAlias();
    case "delete-version":
      say(`a data scientist deletes version ${doing.version}`);
      return registry.deleteVersion(doing.version);
    default:
      return doing satisfies never;
  }
}

/** What each trouble does, and how it ends. */
function strike(
  world: World,
  policies: readonly TargetPolicy[],
  { kind, lastsMs }: Trouble,
  setNotifierDown: (down: boolean) => void,
): void {
  const { scheduler, faults, registry, cluster, builds, checks, staff, chance, say } = world;
  const policy = policies[chance.between(0, policies.length - 1)];
  if (policy === undefined || !faults.allows(kind, "world")) return;
  say(`trouble: ${kind}${lastsMs === 0 ? "" : ` for ${Math.round(lastsMs / MINUTE)} min`}`);
  const { namespace, workload, target } = policy;
  const ends = (end: () => void) =>
    scheduler.at(scheduler.now() + lastsMs, () => {
      say(`over: ${kind}`);
      end();
    });
  const during = (set: (down: boolean) => void) => {
    set(true);
    ends(() => set(false));
  };
  const excused = (what: unknown) => {
    if (what !== undefined) checks.excuse(target, kind);
  };
  const troubles: Partial<Record<WorldFault, () => void>> = {
    "registry-down": () => during(registry.setDown),
    "registry-down-for-a-day": () => during(registry.setDown),
    "builder-down": () => during(builds.setDown),
    "notifier-down": () => during(setNotifierDown),
    "belay-down": () => {
      staff.close();
      ends(staff.open);
    },
    "object-touched": () => void cluster.touch(namespace),
    autoscaled: () => excused(cluster.autoscale(namespace, workload)),
    "foreign-edit": () => excused(cluster.editForeign(namespace)),
    "foreign-delete": () => excused(cluster.deleteForeign(namespace)),
    "node-drained": () => {
      if (cluster.drainNode().length > 0) for (const one of policies) checks.excuse(one.target, kind);
    },
    "pod-killed": () => {
      if (cluster.killPod() !== undefined) for (const one of policies) checks.excuse(one.target, kind);
    },
    "alias-flapped": () => flap(world),
    "image-lost": () => {
      const newest = builds.newestImage();
      if (newest !== undefined && builds.images.drop(newest)) checks.imageLost(newest);
    },
    "model-made-anew": () => registry.makeAnew(),
    "policy-changed": () => {
      for (const [index, one] of world.policies.entries()) world.policies[index] = loosened(one);
    },
    "person-stops": () => {
      staff.command(target, { name: "stop", by: "Ada" }, () => checks.excuse(target, kind));
    },
    "person-holds": () => {
      staff.command(target, { name: "hold", by: "Ada" }, () => checks.excuse(target, "person-holds"));
      ends(() => staff.command(target, { name: "release", by: "Ada" }, () => undefined));
    },
  };
  troubles[kind]?.();
}

/** A policy by which fewer looks and predictions are enough. */
function loosened(policy: TargetPolicy): TargetPolicy {
  const { health, predictions } = policy.verify;
  return {
    ...policy,
    verify: { ...policy.verify, health: { ...health, successes: 1 }, predictions: { ...predictions, count: 1 } },
  };
}

/** There and back within seconds. */
function flap({ registry, scheduler, chance, say }: World): void {
  const now = registry.pointed();
  if (now === undefined || now === "1") return;
  say("the alias flaps");
  registry.setAlias("1");
  scheduler.at(scheduler.now() + chance.between(100, 20_000), () => registry.setAlias(now));
}

/** Whoever runs Belay: its processes, and the host that hands things to them. */
interface Staff {
  /** Runs an invocation on some process; false: there is none. `answered` hears what it came to, undefined: it threw or died. */
  run<T>(name: string, work: (app: BelayApp) => Promise<T>, answered: (result: T | undefined) => void): boolean;
  command(target: string, command: Parameters<BelayApp["command"]>[1], done: () => void): void;
  /** Whether an invocation is under way. */
  busy(): boolean;
  /** Stops and starts every process. */
  close(): void;
  open(): void;
  /** Ends what is left of the former build. */
  deploy(): void;
}

interface StaffDependencies {
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

function createStaff(dependencies: StaffDependencies): Staff {
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
