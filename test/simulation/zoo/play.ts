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
}

/** Where a defect shows: a seed, or one telling of a story with faults at some of its calls. */
export type Place = { seed: number } | { story: string; telling: number; faults: readonly Fault[] };

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
  const planned = (call: number, point: string) => {
    if (call > last && points?.test(point) === true) calls.push(call);
    return faults.find((one) => one.call === call)?.kind;
  };
  const { violation } = await playHistory({ plan, builds, planned });
  return { violation, calls };
}

/** The first of so many seeds that breaks a promise. */
export async function huntSeeds(builds: Builds, seeds: number): Promise<Found | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    const violation = await playPlace(builds, { seed });
    if (violation !== undefined) return { place: { seed }, violation };
  }
  return undefined;
}

/** The first telling of a story, with the fewest faults, that breaks a promise. */
export async function huntStories(builds: Builds, names = Object.keys(STORIES)): Promise<Found | undefined> {
  for (const name of names)
    for (const telling of STORIES[name]?.plans.keys() ?? []) {
      const found = await huntTelling(builds, name, telling, []);
      if (found !== undefined) return found;
    }
  return undefined;
}

async function huntTelling(
  builds: Builds,
  story: string,
  telling: number,
  faults: readonly Fault[],
): Promise<Found | undefined> {
  const { plans = [], points, kinds = [], most = 1 } = STORIES[story] ?? {};
  const plan = plans[telling];
  if (plan === undefined) return undefined;
  const { violation, calls } = await playTold(builds, plan, faults, points);
  if (violation !== undefined) return { place: { story, telling, faults }, violation };
  if (faults.length === most) return undefined;
  for (const call of calls)
    for (const kind of kinds) {
      const found = await huntTelling(builds, story, telling, [...faults, { call, kind }]);
      if (found !== undefined) return found;
    }
  return undefined;
}
