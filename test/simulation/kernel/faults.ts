import type { Chance } from "./random.ts";

/** What can go wrong at one call to the outside. */
export const CALL_FAULTS = [
  /** The process dies before the call leaves it, or after its effect and before the answer. */
  "crash-before",
  "crash-after",
  /** The visit freezes before the call leaves it, or before the answer arrives, and wakes much later. */
  "freeze-before",
  "freeze-after",
  /** It happened, but the caller is told that it did not. */
  "ambiguous",
  /** It did not happen. */
  "refused",
  "throttled",
  /** The caller gives up after its limit, and it happens still later. */
  "late",
  /** The answer was lost on the way, and the SDK sent the same call again: the caller hears the second answer. */
  "replayed",
] as const;
export type CallFault = (typeof CALL_FAULTS)[number];

/** Everything else that can go wrong; one count each. */
export const WORLD_FAULTS = [
  "lock-lost",
  "message-duplicated",
  "message-delayed",
  "message-delayed-for-hours",
  "message-early",
  "message-given-up",
  "completion-lost",
  "duplicate-detection-forgot",
  "webhook-lost",
  "webhook-duplicated",
  "webhook-late",
  "alias-flapped",
  "alias-deleted",
  "version-deleted",
  "registry-down",
  "registry-down-for-a-day",
  "registry-stale",
  "builder-down",
  "notifier-down",
  "belay-down",
  "clock-skewed",
  "object-touched",
  "autoscaled",
  "foreign-edit",
  "foreign-delete",
  "foreign-object",
  "node-drained",
  "pod-killed",
  "next-build",
  "image-lost",
  "model-made-anew",
  "policy-changed",
  "person-stops",
  "person-holds",
  "dead-letters-replayed",
] as const;
export type WorldFault = (typeof WORLD_FAULTS)[number];

export type FaultKind = CallFault | WorldFault;

/** What can go wrong at one call of a story that is played with it at every call. */
export type PointFault = CallFault | "lock-lost";

/** One fault that was drawn: where, and as the how manieth draw of the history. */
export interface Injected {
  index: number;
  kind: FaultKind;
  where: string;
}

/** How often each fault of a call happens in one history; most histories have few kinds, at rates of their own. */
export type Rates = Partial<Record<CallFault, number>>;

/** Draws faults; some can be left out, to see whether a history fails without them. */
export interface Faults {
  /** The fault of one call, if any. */
  atCall(point: string): PointFault | undefined;
  /** Whether a fault of the world that was drawn may happen. */
  allows(kind: WorldFault, where: string): boolean;
  /** No faults from here on. */
  heal(): void;
  healed(): boolean;
  injected(): readonly Injected[];
}

export interface FaultsOptions {
  chance: Chance;
  rates: Rates;
  focus?: { system: string; times: number } | undefined;
  /** Draws that come to nothing. */
  without?: ReadonlySet<number>;
  /** In place of chance: the fault of the how manieth call, for exhaustive runs. */
  planned?: (call: number, point: string) => PointFault | undefined;
}

export function createFaults({ chance, rates, focus, without = new Set(), planned }: FaultsOptions): Faults {
  const kinds = CALL_FAULTS.flatMap((kind) => (rates[kind] === undefined ? [] : [[kind, rates[kind]] as const]));
  const all = kinds.reduce((sum, [, rate]) => sum + rate, 0);
  const injected: Injected[] = [];
  let index = 0;
  let calls = 0;
  let over = false;
  const record = (kind: FaultKind, where: string): boolean => {
    const own = index++;
    if (without.has(own)) return false;
    injected.push({ index: own, kind, where });
    return true;
  };
  const draw = (point: string): CallFault | undefined => {
    let drawn = chance.next();
    if (focus !== undefined) drawn = point.startsWith(focus.system) ? drawn / focus.times : 1;
    if (drawn >= all) return undefined;
    for (const [kind, rate] of kinds) {
      if (drawn < rate) return kind;
      drawn -= rate;
    }
    return undefined;
  };
  return {
    atCall: (point) => {
      if (over) return undefined;
      const kind = planned === undefined ? draw(point) : planned(calls++, point);
      return kind !== undefined && record(kind, point) ? kind : undefined;
    },
    allows: (kind, where) => !over && record(kind, where),
    heal: () => {
      over = true;
    },
    healed: () => over,
    injected: () => injected,
  };
}
