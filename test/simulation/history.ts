import { PermanentError } from "../../shared/domain/errors.ts";
import type { NotifierName, Retention } from "../../shared/domain/policy.ts";
import { BASE } from "../pipeline/manifests.ts";
import { createChecks } from "./check/checks.ts";
import type { Verdict } from "./check/verdict.ts";
import { createSimulatedCluster } from "./cluster/simulated-cluster.ts";
import { createFaults, type FaultsOptions, type Injected } from "./kernel/faults.ts";
import { type Chance, createChance, mix } from "./kernel/random.ts";
import { createScheduler } from "./kernel/scheduler.ts";
import { createWorkers } from "./kernel/workers.ts";
import type { Plan } from "./plan.ts";
import { createStaff } from "./staff.ts";
import { act, replay, strike, type World } from "./troubles.ts";
import type { Builds, Outside } from "./world/app.ts";
import { createSimulatedBuilds } from "./world/build-service.ts";
import { createSimulatedBus } from "./world/bus.ts";
import { createSimulatedRegistry } from "./world/models.ts";
import { createSimulatedDeadLetters } from "./world/set-aside.ts";
import { createSimulatedTable } from "./world/table.ts";

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

/** A history that is about retention keeps one stable release for as long as it says. */
function retentionOf({ releaseSeconds }: Plan): Retention {
  const taskRunSeconds = 7 * 86_400;
  return releaseSeconds === undefined
    ? { taskRunSeconds, releaseSeconds: 30 * 86_400, keptReleases: 10 }
    : { taskRunSeconds, releaseSeconds, keptReleases: 1 };
}

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
    latestMs: plan.controllerMs,
  });
  const table = createSimulatedTable(scheduler.now);
  const policies = [...plan.policies];
  const manifests = [...BASE];
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
    deadLetters: createSimulatedDeadLetters(bus),
    registry: registry.port,
    builds: checks.watchBuilds(builds_),
    open: (namespace) => cluster.open(namespace),
    notify: (notifier: NotifierName, notification) => {
      if (notifierDown && notifier === "webhook")
        throw new PermanentError("bad-answer", "The notification's endpoint is gone.");
      checks.told(notifier, notification);
    },
    policies,
    manifests,
    retention: retentionOf(plan),
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

  const world: World = {
    scheduler,
    policies,
    manifests,
    faults,
    registry,
    cluster,
    builds: builds_,
    bus,
    checks,
    staff,
    chance: worldChance,
    setNotifierDown: (down) => {
      notifierDown = down;
    },
    say,
  };
  /** Plays on until nothing is left to happen but timers. */
  const comeToRest = async () => {
    const patience = scheduler.now() + PATIENCE_MS;
    for (let slice = 0; !checks.broken() && scheduler.now() < patience; slice++) {
      if (slice > 0 && checks.atRest(staff.busy())) return;
      await scheduler.run(scheduler.now() + 10 * MINUTE, checks.broken);
    }
  };
  return {
    checks,
    scheduler,
    faults,
    workers,
    play: async () => {
      for (const { at, doing } of plan.doings) scheduler.at(START + at, () => act(world, doing));
      for (const trouble of plan.troubles) scheduler.at(START + trouble.at, () => strike(world, trouble));
      await scheduler.run(START + plan.healsAt, checks.broken);
      say("everything is well from here on");
      faults.heal();
      registry.setDown(false);
      builds_.setDown(false);
      notifierDown = false;
      staff.deploy();
      await comeToRest();
      if (bus.setAside().length > 0) {
        checks.nothingMoreIsAsked();
        replay(world);
        await comeToRest();
      }
      checks.judgeEnd(staff.busy());
    },
  };
}
