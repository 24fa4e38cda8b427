import type { Violation } from "../check/verdict.ts";
import { playHistory } from "../history.ts";
import type { CallFault } from "../kernel/faults.ts";
import { drawPlan, type Plan } from "../plan.ts";
import type { Builds } from "../world/app.ts";
import { STORIES } from "./stories.ts";

/** What happens at the how manieth call. */
export interface Fault {
  call: number;
  kind: CallFault;
  /** So many calls to the same point meet it, from this one on; without it one. */
  inARow?: number;
}

/** Where a defect shows: a seed, or one telling of a story with faults at some of its calls. */
export type Place = { seed: number } | Told;

export interface Told {
  story: string;
  telling: number;
  faults: readonly Fault[];
}

/** A place, and what is broken there. */
export interface Found {
  place: Place;
  violation: Violation;
}

/** Plays one place; undefined: every promise was kept, or there is no such place any more. */
export async function playPlace(builds: Builds, place: Place): Promise<Violation | undefined> {
  if ("seed" in place) return (await playHistory({ plan: drawPlan(place.seed), builds })).violation;
  const plan = STORIES[place.story]?.plans[place.telling];
  return plan === undefined ? undefined : (await playTold(builds, plan, place.faults)).violation;
}

/** Plays a story's plan with these faults; `calls` are those after the last of them at which another can be tried. */
async function playTold(builds: Builds, plan: Plan, faults: readonly Fault[], points?: RegExp) {
  const calls: number[] = [];
  const last = faults.at(-1)?.call ?? -1;
  const met = faults.map((): { point: string; times: number } => ({ point: "", times: 0 }));
  const planned = (call: number, point: string) => {
    if (call > last && points?.test(point) === true) calls.push(call);
    return faults.find((one, index) => meets(one, met[index], call, point))?.kind;
  };
  const { violation } = await playHistory({ plan, builds, planned });
  return { violation, calls };
}

function meets(
  { call: first, inARow = 1 }: Fault,
  met: { point: string; times: number } | undefined,
  call: number,
  point: string,
): boolean {
  if (met === undefined) return false;
  if (call === first) met.point = point;
  if (call < first || point !== met.point || met.times >= inARow) return false;
  met.times += 1;
  return true;
}

/** The first of so many seeds that breaks a promise. */
export async function huntSeeds(builds: Builds, seeds: number): Promise<Found | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    const violation = await playPlace(builds, { seed });
    if (violation !== undefined) return { place: { seed }, violation };
  }
  return undefined;
}

/** The first telling of any story that breaks a promise; those with the fewest faults come first. */
export async function huntStories(builds: Builds, names = Object.keys(STORIES)): Promise<Found | undefined> {
  let told: Telling[] = names.flatMap((story) =>
    (STORIES[story]?.plans ?? []).map((plan, telling) => ({ plan, place: { story, telling, faults: [] } })),
  );
  while (told.length > 0) {
    const next: Telling[] = [];
    for (const { plan, place } of told) {
      const { violation, calls } = await playTold(builds, plan, place.faults, STORIES[place.story]?.points);
      if (violation !== undefined) return { place, violation };
      next.push(...withOneMore(place, calls).map((more) => ({ plan, place: more })));
    }
    told = next;
  }
  return undefined;
}

interface Telling {
  plan: Plan;
  place: Told;
}

/** The same telling with one fault more, at each of these calls. */
function withOneMore(place: Told, calls: readonly number[]): readonly Told[] {
  const { kinds = [], most = 1, inARow } = STORIES[place.story] ?? {};
  if (place.faults.length === most) return [];
  const faults = calls.flatMap((call) => kinds.map((kind): Fault => ({ call, kind, ...(inARow && { inARow }) })));
  return faults.map((fault) => ({ ...place, faults: [...place.faults, fault] }));
}
