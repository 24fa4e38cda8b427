import type { TargetPolicy } from "../../shared/domain/policy.ts";
import { policyFor } from "../pipeline/manifests.ts";
import type { Behaviour } from "./cluster/simulated-cluster.ts";
import { CALL_FAULTS, type Rates, type WorldFault } from "./kernel/faults.ts";
import { type Chance, createChance, mix } from "./kernel/random.ts";
import type { BuildFate } from "./world/build-service.ts";
import type { BusMood } from "./world/bus.ts";
import type { RegistryMood } from "./world/models.ts";

/** How a version turns out. */
export interface VersionFate {
  pods: Behaviour;
  build: BuildFate;
}

/** What a data scientist does. */
export type Doing =
  | { kind: "promote"; version: string }
  /** Without a new version: the alias moves to one that was there before. */
  | { kind: "back"; version: string }
  | { kind: "delete-alias" }
  | { kind: "delete-version"; version: string }
  /** Another configuration in the manifests that releases are rendered from. */
  | { kind: "change-manifests" };

/** Something that goes wrong in the world, and how long it lasts. */
export interface Trouble {
  at: number;
  kind: WorldFault;
  lastsMs: number;
}

/** One history before anything has happened: all of it follows from the seed. */
export interface Plan {
  seed: number;
  policies: readonly TargetPolicy[];
  fates: Readonly<Record<string, VersionFate>>;
  doings: readonly { at: number; doing: Doing }[];
  troubles: readonly Trouble[];
  rates: Rates;
  /** Calls to this system go wrong so many times as often, calls to others never. */
  focus: { system: string; times: number } | undefined;
  bus: BusMood;
  registry: RegistryMood;
  /** Milliseconds by which the workers' clocks are off. */
  skews: readonly [number, ...number[]];
  /** Whether some workers run the next build. */
  nextBuild: boolean;
  timers: { reconcileMs: number; sweepMs: number };
  /** The longest time until the Deployment controller sees a change, milliseconds. */
  controllerMs: number;
  /** How long releases are kept, where it is not the default. */
  releaseSeconds?: number;
  /** When everything is well again, milliseconds after the start. */
  healsAt: number;
  workers: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const PODS: readonly [Behaviour, ...Behaviour[]] = ["crash", "wrong", "unhealthy", "stuck", "flapping", "slow"];

/** Draws a history: few kinds of faults in each, so that they do not drown each other, and other ones in the next. */
export function drawPlan(seed: number): Plan {
  const chance = createChance(mix(seed, 1));
  const doings = drawDoings(chance);
  const last = doings.at(-1)?.at ?? 0;
  // Drawn apart, so that the other draws of a seed stay as they were.
  const apart = createChance(mix(seed, 2));
  const troubles = [
    ...drawTroubles(chance, TROUBLES, last + 10 * MINUTE),
    ...drawTroubles(apart, LATER_TROUBLES, last + 10 * MINUTE),
  ];
  const ends = Math.max(last, ...troubles.map(({ at, lastsMs }) => at + lastsMs));
  const skewed = chance.happens(0.3);
  const workers = chance.between(1, 3);
  return {
    seed,
    policies: drawPolicies(chance),
    fates: drawFates(chance, doings),
    doings,
    troubles,
    rates: drawRates(chance),
    focus: drawFocus(chance),
    bus: { ...drawBusMood(chance), early: some(apart, 0.1, 0.3) },
    registry: {
      webhooksLost: some(chance, 0.3, 0.4),
      webhooksDuplicated: some(chance, 0.2, 0.5),
      webhooksLate: some(chance, 0.2, 0.4),
      stale: some(chance, 0.1, 0.5),
    },
    skews: skewed ? [chance.between(-120, 120) * SECOND, chance.between(-120, 120) * SECOND] : [0],
    nextBuild: chance.happens(0.12),
    timers: {
      reconcileMs: chance.pick([2, 2, 5, 10]) * MINUTE,
      sweepMs: chance.pick([5, 5, 15]) * MINUTE,
    },
    controllerMs: apart.happens(0.08) ? apart.between(1_000, 8_000) : 500,
    healsAt: ends + chance.between(1, 8) * MINUTE,
    workers,
  };
}

/** Mostly nothing; else a rate below `most`. */
function some(chance: Chance, probability: number, most: number): number {
  return chance.happens(probability) ? chance.next() * most : 0;
}

function drawDoings(chance: Chance): Plan["doings"] {
  const count = chance.pick([1, 1, 2, 2, 2, 3, 3, 4]);
  const doings: { at: number; doing: Doing }[] = [];
  let at = chance.between(1, 60) * SECOND;
  for (let version = 1; version <= count; version++) {
    doings.push({ at, doing: { kind: "promote", version: String(version) } });
    at += chance.happens(0.5) ? chance.between(1, 90) * SECOND : chance.between(2, 8) * MINUTE;
    const another = drawAnother(chance, version);
    if (another === undefined) continue;
    doings.push({ at, doing: another });
    at += chance.between(1, 240) * SECOND;
  }
  return doings;
}

function drawAnother(chance: Chance, versions: number): Doing | undefined {
  const version = String(chance.between(1, versions));
  if (chance.happens(0.15)) return { kind: "back", version };
  if (chance.happens(0.05)) return { kind: "delete-alias" };
  if (chance.happens(0.03)) return { kind: "delete-version", version };
  return undefined;
}

function drawFates(chance: Chance, doings: Plan["doings"]): Plan["fates"] {
  const versions = doings.flatMap(({ doing }) => (doing.kind === "promote" ? [doing.version] : []));
  return Object.fromEntries(
    versions.map((version) => [
      version,
      {
        pods: chance.happens(version === "1" ? 0.12 : 0.4) ? chance.pick(PODS) : "good",
        build: chance.happens(0.06) ? ("broken" as const) : ("good" as const),
      },
    ]),
  );
}

function drawPolicies(chance: Chance): readonly TargetPolicy[] {
  const base = policyFor();
  const replicas = chance.between(1, 3);
  const policy = policyFor({
    rollout: { ...base.rollout, replicas, maxSurge: chance.between(1, 2), startupSeconds: 40, timeoutSeconds: 90 },
    verify: { ...base.verify, health: { ...base.verify.health, attempts: 6 } },
    gates: [],
    movedBack: chance.happens(0.15) ? "keep" : "follow",
    missing: chance.happens(0.3) ? "ignore" : "tell",
    firstFailure: chance.happens(0.2) ? "keep" : "scale-to-zero",
  });
  if (!chance.happens(0.12)) return [policy];
  return [policy, { ...policy, target: "second", workload: "second", namespace: "second" }];
}

function drawRates(chance: Chance): Rates {
  const rates: Rates = {};
  if (chance.happens(0.15)) return rates;
  for (const kind of CALL_FAULTS) if (chance.happens(0.3)) rates[kind] = chance.next() ** 2 * 0.02;
  return rates;
}

/** Some histories are unlucky with one system only, and then more often. */
const SYSTEMS = ["table", "bus", "cluster", "registry", "builder", "images", "prober", "notifier"] as const;

function drawFocus(chance: Chance): Plan["focus"] {
  if (!chance.happens(0.3)) return undefined;
  return { system: chance.pick(SYSTEMS), times: chance.between(3, 12) };
}

function drawBusMood(chance: Chance): Omit<BusMood, "early"> {
  return {
    duplicates: some(chance, 0.25, 0.15),
    delays: some(chance, 0.25, 0.1),
    longDelays: some(chance, 0.08, 0.02),
    forgets: some(chance, 0.15, 0.5),
    completionsLost: some(chance, 0.2, 0.05),
    locksLost: some(chance, 0.2, 0.1),
    givenUp: some(chance, 0.12, 0.08),
  };
}

/** Troubles of the world, each with how often it is drawn and how long it lasts. */
const TROUBLES: readonly { kind: WorldFault; weight: number; lasts: readonly [number, number] }[] = [
  { kind: "registry-down", weight: 0.06, lasts: [MINUTE, 20 * MINUTE] },
  { kind: "registry-down-for-a-day", weight: 0.02, lasts: [20 * HOUR, 26 * HOUR] },
  { kind: "builder-down", weight: 0.07, lasts: [MINUTE, 15 * MINUTE] },
  { kind: "notifier-down", weight: 0.06, lasts: [MINUTE, 3 * HOUR] },
  { kind: "belay-down", weight: 0.06, lasts: [MINUTE, 5 * HOUR] },
  { kind: "belay-down", weight: 0.012, lasts: [25 * HOUR, 40 * HOUR] },
  { kind: "object-touched", weight: 0.08, lasts: [0, 0] },
  { kind: "autoscaled", weight: 0.03, lasts: [0, 0] },
  { kind: "foreign-edit", weight: 0.03, lasts: [0, 0] },
  { kind: "foreign-delete", weight: 0.02, lasts: [0, 0] },
  { kind: "node-drained", weight: 0.03, lasts: [0, 0] },
  { kind: "pod-killed", weight: 0.03, lasts: [0, 0] },
  { kind: "alias-flapped", weight: 0.1, lasts: [0, 0] },
  { kind: "image-lost", weight: 0.04, lasts: [0, 0] },
  { kind: "model-made-anew", weight: 0.03, lasts: [0, 0] },
  { kind: "policy-changed", weight: 0.06, lasts: [0, 0] },
  { kind: "person-stops", weight: 0.04, lasts: [0, 0] },
  { kind: "person-holds", weight: 0.03, lasts: [MINUTE, 30 * MINUTE] },
  { kind: "dead-letters-replayed", weight: 0.3, lasts: [0, 0] },
];

const LATER_TROUBLES: typeof TROUBLES = [{ kind: "foreign-object", weight: 0.03, lasts: [0, 0] }];

function drawTroubles(chance: Chance, all: typeof TROUBLES, within: number): readonly Trouble[] {
  return all.flatMap(({ kind, weight, lasts }) =>
    chance.happens(weight) ? [{ at: chance.between(0, within), kind, lastsMs: chance.between(...lasts) }] : [],
  );
}
