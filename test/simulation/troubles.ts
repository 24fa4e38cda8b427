import type { TargetPolicy } from "../../shared/domain/policy.ts";
import type { KubernetesObject } from "../../shared/domain/release.ts";
import type { Checks } from "./check/checks.ts";
import type { SimulatedCluster } from "./cluster/simulated-cluster.ts";
import type { Faults, WorldFault } from "./kernel/faults.ts";
import type { Chance } from "./kernel/random.ts";
import type { Scheduler } from "./kernel/scheduler.ts";
import type { Doing, Trouble } from "./plan.ts";
import type { Staff } from "./staff.ts";
import type { SimulatedBuilds } from "./world/build-service.ts";
import type { SimulatedBus } from "./world/bus.ts";
import type { SimulatedRegistry } from "./world/models.ts";

const MINUTE = 60_000;

/** What can go wrong, and who can do something. */
export interface World {
  scheduler: Scheduler;
  faults: Faults;
  registry: SimulatedRegistry;
  cluster: SimulatedCluster;
  builds: SimulatedBuilds;
  bus: SimulatedBus;
  /** The policy as the workers read it. */
  policies: TargetPolicy[];
  /** What releases are rendered from. */
  manifests: KubernetesObject[];
  checks: Checks;
  staff: Staff;
  chance: Chance;
  setNotifierDown: (down: boolean) => void;
  say: (line: string) => void;
}

/** A data scientist does something. */
export function act({ registry, faults, manifests, say }: World, doing: Doing): void {
  switch (doing.kind) {
    case "promote":
      say(`a data scientist registers version ${doing.version} and moves the alias to it`);
      registry.register(doing.version);
      return registry.setAlias(doing.version);
    case "back":
      say(`a data scientist moves the alias to version ${doing.version} again`);
      return registry.setAlias(doing.version);
    case "delete-alias":
      if (!faults.allows("alias-deleted", "world")) return;
      say("a data scientist deletes the alias");
      return registry.deleteAlias();
    case "delete-version":
      if (!faults.allows("version-deleted", "world")) return;
      say(`a data scientist deletes version ${doing.version}`);
      return registry.deleteVersion(doing.version);
    case "change-manifests":
      say("somebody changes the manifests");
      for (const [index, one] of manifests.entries())
        if (one.kind === "ConfigMap") manifests[index] = { ...one, data: { LOG_LEVEL: "debug" } };
      return;
    default:
      return doing satisfies never;
  }
}

/** What each trouble does, and how it ends. */
export function strike(world: World, { kind, lastsMs }: Trouble): void {
  const { scheduler, faults, registry, cluster, builds, checks, staff, chance, say, policies } = world;
  const policy = policies[chance.between(0, policies.length - 1)];
  if (kind === "dead-letters-replayed" && world.bus.setAside().length === 0) return;
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
    "notifier-down": () => during(world.setNotifierDown),
    "belay-down": () => {
      staff.close();
      ends(staff.open);
    },
    "object-touched": () => void cluster.touch(namespace),
    autoscaled: () => excused(cluster.autoscale(namespace, workload)),
    "foreign-edit": () => excused(cluster.editForeign(namespace)),
    "foreign-delete": () => excused(cluster.deleteForeign(namespace)),
    "foreign-object": () => cluster.placeForeign(namespace, target),
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
    "dead-letters-replayed": () => replay(world),
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

/** Somebody sends what was set aside to its queue again: from Belay or from the Portal, in any order, some of it twice. */
export function replay({ bus, chance, scheduler, staff, say }: World): void {
  const letters = bus.setAside();
  if (letters.length === 0) return;
  say(`${letters.length} set-aside messages are replayed`);
  if (chance.happens(0.4)) staff.replay({ by: "Ada", all: true });
  for (const { place, queue, sequenceNumber, message } of letters.toSorted(() => chance.next() - 0.5)) {
    const at = scheduler.now() + chance.between(0, 60_000);
    const ask = () => staff.replay({ by: "Ada", place, queue, sequenceNumber });
    const resubmit = () => (message === undefined ? ask() : bus.resubmit(message));
    scheduler.at(at, chance.happens(0.5) ? ask : resubmit);
    if (chance.happens(0.3)) scheduler.at(at + chance.between(0, 90_000), resubmit);
  }
}
