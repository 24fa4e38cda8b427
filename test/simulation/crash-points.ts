import type { Violation } from "./check/verdict.ts";
import { playHistory } from "./history.ts";
import type { PointFault } from "./kernel/faults.ts";
import { drawPlan, type Plan, type VersionFate } from "./plan.ts";
import type { Builds } from "./world/app.ts";

/** What happens at one call of a story: the process dies, freezes until after the ending, or hears something else. */
const KINDS: readonly PointFault[] = [
  "crash-before",
  "crash-after",
  "ambiguous",
  "throttled",
  "lock-lost",
  "freeze-before",
  "freeze-after",
];

const GOOD: VersionFate = { pods: "good", build: "good" };

interface Story {
  fates: Readonly<Record<string, VersionFate>>;
  /** When one version after the other is promoted, milliseconds after the start. */
  at: readonly number[];
  /** A queue whose first message the bus gives up, and somebody replays. */
  replayed?: string;
}

/** Stories that are played with a fault at every call. */
export const STORIES: Readonly<Record<string, Story>> = {
  happy: { fates: { "1": GOOD }, at: [1_000] },
  "build fails": { fates: { "1": { pods: "good", build: "broken" } }, at: [1_000] },
  "health fails": { fates: { "1": GOOD, "2": { pods: "unhealthy", build: "good" } }, at: [1_000, 120_000] },
  rollback: { fates: { "1": GOOD, "2": { pods: "crash", build: "good" } }, at: [1_000, 120_000] },
  superseded: { fates: { "1": GOOD, "2": GOOD }, at: [1_000, 4_000] },
  "replayed dead letter": { fates: { "1": GOOD }, at: [1_000], replayed: "rollout" },
};

/** A point that broke a promise. */
export interface BrokenPoint {
  story: string;
  /** The how manieth calls, and what happened there. */
  faults: readonly { call: number; kind: PointFault }[];
  violation: Violation;
}

/** A story without any other fault. */
function planOf(story: string): Plan {
  const { fates, at, replayed } = STORIES[story] as Story;
  const none = {
    duplicates: 0,
    delays: 0,
    longDelays: 0,
    forgets: 0,
    completionsLost: 0,
    locksLost: 0,
    givenUp: 0,
    early: 0,
  };
  return {
    ...drawPlan(1),
    fates,
    doings: at.map((time, index) => ({ at: time, doing: { kind: "promote", version: String(index + 1) } })),
    troubles: replayed === undefined ? [] : [{ at: 60_000, kind: "dead-letters-replayed", lastsMs: 0 }],
    rates: {},
    focus: undefined,
    bus: replayed === undefined ? none : { ...none, losesFirstOf: replayed },
    registry: { webhooksLost: 0, webhooksDuplicated: 0, webhooksLate: 0, stale: 0 },
    skews: [0],
    nextBuild: false,
    timers: { reconcileMs: 120_000, sweepMs: 300_000 },
    healsAt: (at.at(-1) ?? 0) + 240_000,
    workers: 2,
  };
}

type Point = BrokenPoint["faults"][number];

async function playWith(builds: Builds, story: string, faults: readonly Point[]) {
  return playHistory({
    plan: planOf(story),
    builds,
    planned: (call) => faults.find((one) => one.call === call)?.kind,
  });
}

/** Plays a story with every kind of fault at every one of its calls; how many histories that were, and the first broken. */
export async function playEveryPoint(builds: Builds, story: string): Promise<{ played: number; broken?: BrokenPoint }> {
  const { calls } = await playWith(builds, story, []);
  let played = 0;
  for (let call = 0; call < calls; call++)
    for (const kind of KINDS) {
      played += 1;
      const faults = [{ call, kind }];
      const { violation } = await playWith(builds, story, faults);
      if (violation !== undefined) return { played, broken: { story, faults, violation } };
    }
  return { played };
}

/** Plays a story with the process dying at every pair of its calls, of which the first is `first` modulo `every`. */
export async function playEveryPair(
  builds: Builds,
  story: string,
  { first, every }: { first: number; every: number },
): Promise<{ played: number; broken?: BrokenPoint }> {
  const { calls } = await playWith(builds, story, []);
  let played = 0;
  for (let one = first; one < calls; one += every)
    for (let other = one + 1; other < calls; other++) {
      played += 1;
      const faults = [one, other].map((call) => ({ call, kind: "crash-after" as const }));
      const { violation } = await playWith(builds, story, faults);
      if (violation !== undefined) return { played, broken: { story, faults, violation } };
    }
  return { played };
}
