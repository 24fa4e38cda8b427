import { type BakeWork, bakeAfter, bakeVerdict } from "../domain/bake.ts";
import type { HealthPolicy } from "../domain/policy.ts";
import { failed, type Problem } from "../domain/problem.ts";
import type { Release } from "../domain/release.ts";
import type { ClusterAccess } from "../ports/cluster.ts";
import { measurePods } from "./measure-pods.ts";

/** What one look at a release that bakes came to. */
export type BakeLook =
  | { kind: "again" | "over"; found: string; work: BakeWork }
  | { kind: "refuted"; problem: Problem; work: BakeWork };

/** Seconds between looks. */
export const BAKE_LOOK_SECONDS = 15;

/** One look at every pod of a release that has been proven and is to go on serving well for a while. */
export async function lookAtBaking(
  access: ClusterAccess,
  release: Release,
  health: HealthPolicy,
  known: BakeWork,
  now: number,
  signal: AbortSignal,
): Promise<BakeLook> {
  const measured = await measurePods(access, release, health, now, signal);
  if ("death" in measured) return { kind: "refuted", problem: measured.death, work: known };
  const { phase } = measured;
  const work = bakeAfter(known, phase);
  const found = `bake look ${work.looks}: ${measured.found}`;
  switch (bakeVerdict(work, phase, health.successes, now)) {
    case "go on":
      return { kind: "again", found, work };
    case "over":
      return { kind: "over", found: `${found}; the time to watch it is over`, work: { ...work, over: true } };
    case "bad":
      return { kind: "refuted", problem: failed("unhealthy", unhealthy(work, measured.found, health.path)), work };
  }
}

function unhealthy({ bad }: BakeWork, found: string, path: string): string {
  return `It was proven, and then ${path} was not healthy in ${bad} looks in a row. Last: ${found}.`;
}
