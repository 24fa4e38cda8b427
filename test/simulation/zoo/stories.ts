import type { TargetPolicy } from "../../../shared/domain/policy.ts";
import type { CallFault } from "../kernel/faults.ts";
import { type Doing, drawPlan, type Plan, type Trouble, type VersionFate } from "../plan.ts";

/** A story that shows what chance seldom does: its tellings, and which faults are tried at which of their calls. */
export interface Story {
  plans: readonly Plan[];
  /** Calls at which each kind of fault is tried, one at a time. */
  points?: RegExp;
  kinds?: readonly CallFault[];
  /** How many calls to the same point meet each fault; without it one. */
  inARow?: number;
  /** How many faults come together at most; without it one. */
  most?: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const GOOD: VersionFate = { pods: "good", build: "good" };
const CRASH: VersionFate = { pods: "crash", build: "good" };
const STUCK: VersionFate = { pods: "stuck", build: "good" };

const NO_TROUBLE = {
  duplicates: 0,
  delays: 0,
  longDelays: 0,
  forgets: 0,
  completionsLost: 0,
  locksLost: 0,
  givenUp: 0,
  early: 0,
};

const [POLICY] = drawPlan(1).policies as [TargetPolicy];

/** A plan in which nothing happens but what is told. */
function tell(
  fates: readonly VersionFate[],
  doings: readonly (readonly [at: number, doing: Doing])[],
  changes: Partial<Plan> = {},
): Plan {
  const last = Math.max(
    ...doings.map(([at]) => at),
    ...(changes.troubles ?? []).map(({ at, lastsMs }) => at + lastsMs),
  );
  return {
    ...drawPlan(1),
    fates: Object.fromEntries(fates.map((fate, index) => [String(index + 1), fate])),
    doings: doings.map(([at, doing]) => ({ at, doing })),
    troubles: [],
    rates: {},
    focus: undefined,
    bus: NO_TROUBLE,
    registry: { webhooksLost: 0, webhooksDuplicated: 0, webhooksLate: 0, stale: 0 },
    skews: [0],
    nextBuild: false,
    timers: { reconcileMs: 2 * MINUTE, sweepMs: 5 * MINUTE },
    healsAt: last + 4 * MINUTE,
    controllerMs: 500,
    workers: 2,
    ...changes,
  };
}

const promote = (at: number, version: number): readonly [number, Doing] => [
  at,
  { kind: "promote", version: String(version) },
];
const back = (at: number, version: number): readonly [number, Doing] => [
  at,
  { kind: "back", version: String(version) },
];
const change = (at: number): readonly [number, Doing] => [at, { kind: "change-manifests" }];
const trouble = (kind: Trouble["kind"], at: number, lastsMs = 0): Trouble => ({ kind, at, lastsMs });

/** One telling for each number from `from` to `to`. */
function each<T>(from: number, to: number, step: number, telling: (value: number) => T): readonly T[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => telling(from + index * step));
}

const FREEZES = ["freeze-before", "freeze-after"] as const;

export const STORIES: Readonly<Record<string, Story>> = {
  "a frozen visit wakes after its own rollback": {
    plans: [tell([GOOD, CRASH], [promote(SECOND, 1), promote(2 * MINUTE, 2)])],
    points: /^cluster\.(read|apply)/,
    kinds: FREEZES,
  },
  "a frozen visit of the first release wakes": {
    plans: [tell([CRASH], [promote(SECOND, 1)]), tell([GOOD, GOOD], [promote(SECOND, 1), promote(2 * MINUTE, 2)])],
    points: /^cluster\.(read|apply)/,
    kinds: FREEZES,
  },
  "a newer one takes the place": {
    plans: [tell([GOOD, GOOD], [promote(SECOND, 1), promote(4 * SECOND, 2)])],
    points: /^(table\.transact|registry\.resolve)/,
    kinds: ["crash-after", "freeze-after"],
  },
  "two processes die while a newer one takes the place": {
    plans: [tell([GOOD, GOOD], [promote(SECOND, 1), promote(4 * SECOND, 2)])],
    points: /^table\.transact/,
    kinds: ["crash-after"],
    most: 2,
  },
  "two processes die while the one that waits is replaced": {
    plans: [
      tell([GOOD, GOOD, GOOD], [promote(SECOND, 1), promote(14 * SECOND, 2), promote(16 * SECOND, 3)], { workers: 3 }),
    ],
    points: /^table\.transact/,
    kinds: ["crash-after"],
    most: 2,
  },
  "what waits fails meanwhile": {
    plans: each(10, 40, 2, (at) =>
      tell(
        [GOOD, CRASH],
        [
          promote(SECOND, 1),
          promote(2 * MINUTE, 2),
          back(2 * MINUTE + at * SECOND, 1),
          back(2 * MINUTE + (at + 3) * SECOND, 2),
        ],
      ),
    ),
  },
  "a person holds while one waits": {
    plans: each(20, 60, 2, (at) =>
      tell([GOOD, GOOD], [promote(SECOND, 1), promote(20 * SECOND, 2)], {
        troubles: [trouble("person-holds", at * SECOND, 20 * MINUTE)],
      }),
    ),
  },
  "a held target is asked": {
    plans: [
      tell([GOOD, GOOD], [promote(SECOND, 1), promote(2 * MINUTE, 2)], {
        troubles: [trouble("person-holds", MINUTE, 20 * MINUTE)],
      }),
    ],
  },
  "the model is deleted and made anew": {
    plans: [tell([GOOD], [promote(SECOND, 1)], { troubles: [trouble("model-made-anew", 2 * MINUTE)] })],
  },
  "the policy asks for less before the way back": {
    plans: [
      tell([GOOD, CRASH], [promote(SECOND, 1), promote(2 * MINUTE, 2)], {
        troubles: [trouble("policy-changed", MINUTE)],
      }),
    ],
  },
  "nobody is there for longer than a day": {
    plans: each(5, 60, 3, (at) =>
      tell([GOOD], [promote(SECOND, 1)], { troubles: [trouble("belay-down", at * SECOND, 30 * HOUR)] }),
    ),
  },
  "the way back fails": {
    plans: each(130, 190, 3, (at) =>
      tell([GOOD, CRASH], [promote(SECOND, 1), promote(2 * MINUTE, 2)], {
        troubles: [trouble("belay-down", at * SECOND, 30 * HOUR)],
      }),
    ),
  },
  "the registry is down": {
    plans: each(1, 6, 1, (at) =>
      tell([GOOD], [promote(SECOND, 1)], { troubles: [trouble("registry-down", at * SECOND, 20 * MINUTE)] }),
    ),
  },
  "a step runs out of time": {
    plans: [tell([STUCK], [promote(SECOND, 1)])],
    points: /^cluster\.workload/,
    kinds: ["refused"],
    inARow: 3,
  },
  "an image is lost": {
    plans: [tell([GOOD], [promote(SECOND, 1)], { troubles: [trouble("image-lost", 20 * SECOND)] })],
    points: /^(images|table\.transact)/,
    kinds: ["crash-before"],
  },
  "somebody edits": {
    plans: each(1, 200, 1, (seed) =>
      tell([GOOD, GOOD], [promote(SECOND, 1), promote(3 * MINUTE, 2)], {
        seed,
        troubles: [trouble("foreign-edit", 2 * MINUTE)],
      }),
    ),
  },
  "two targets want one place": {
    plans: [tell([GOOD], [promote(SECOND, 1)], { policies: [POLICY, { ...POLICY, target: "second" }] })],
  },
  "the dead notifier is told first": {
    plans: [
      tell([GOOD], [promote(SECOND, 1)], {
        policies: [{ ...POLICY, notify: ["webhook", "log"] }],
        troubles: [trouble("notifier-down", 0, 10 * MINUTE)],
      }),
    ],
  },
  "the manifests change": {
    plans: [
      tell([GOOD, GOOD], [promote(SECOND, 1), change(MINUTE), promote(2 * MINUTE, 2)]),
      tell([GOOD, CRASH], [promote(SECOND, 1), change(MINUTE), promote(2 * MINUTE, 2)]),
    ],
  },
  "a frozen visit of the first release wakes after it was stopped": {
    plans: each(10, 13, 0.5, (at) =>
      tell([GOOD], [promote(SECOND, 1)], { troubles: [trouble("person-stops", at * SECOND)], healsAt: 3 * HOUR }),
    ),
    points: /^cluster\.(read|apply)/,
    kinds: ["freeze-before"],
  },
  "others have something under the label": {
    plans: [
      tell([GOOD, CRASH], [promote(SECOND, 1), promote(2 * MINUTE, 2)], {
        troubles: [trouble("foreign-object", MINUTE)],
      }),
    ],
  },
  "one release is kept for a day": {
    plans: [
      // The first day ends, and is over for a day, 121,600 s after the start; the next sweep retains.
      tell([GOOD, GOOD], [promote(SECOND, 1), promote(HOUR, 2), back(121_805 * SECOND, 1)], {
        releaseSeconds: 86_400,
        healsAt: 2 * DAY,
      }),
    ],
    points: /^images\.unlock/,
    kinds: ["freeze-before"],
  },
  "the controller is slow": {
    plans: each(1, 10, 1, (seed) =>
      tell([GOOD, GOOD], [promote(SECOND, 1), promote(2 * MINUTE, 2)], { seed, controllerMs: 8_000 }),
    ),
  },
  "messages come before their time": {
    plans: each(1, 5, 1, (seed) =>
      tell([GOOD, CRASH], [promote(SECOND, 1), promote(2 * MINUTE, 2)], { seed, bus: { ...NO_TROUBLE, early: 0.3 } }),
    ),
  },
  "a frozen promotion is accepted when it wakes": {
    plans: [tell([GOOD], [promote(SECOND, 1)], { troubles: [trouble("registry-down", 10 * SECOND, 3 * HOUR)] })],
    points: /^table\.transact/,
    kinds: ["freeze-before"],
  },
};
