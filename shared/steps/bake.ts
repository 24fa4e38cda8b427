import { type BakeWork, bakeVerdict } from "../domain/bake.ts";
import type { HealthPolicy } from "../domain/policy.ts";
import { failed, type Problem } from "../domain/problem.ts";
import type { Release } from "../domain/release.ts";
import { proofOfDeath } from "../domain/rollout-status.ts";
import { combineHealth } from "../domain/verification.ts";
import type { ClusterAccess } from "../ports/cluster.ts";
import { explainDeath } from "./watch-rollout.ts";

/** What one look at a release that bakes came to. */
export type BakeLook =
  | { kind: "again" | "over"; found: string; work: BakeWork }
  | { kind: "refuted"; problem: Problem; work: BakeWork };

/** Seconds between looks. */
export const BAKE_LOOK_SECONDS = 15;

/** One look at every pod of a release that has been proven and is to go on serving well for a while. */
export async function lookAtBaking(
  { cluster, prober }: ClusterAccess,
  release: Release,
  health: HealthPolicy,
  known: BakeWork,
  now: number,
  signal: AbortSignal,
): Promise<BakeLook> {
  const pods = (await cluster.pods(release.template, signal)).filter(({ terminating }) => !terminating);
  const death = proofOfDeath(pods);
  if (death !== undefined) return { kind: "refuted", problem: await explainDeath(cluster, death, signal), work: known };
  const answers = await Promise.all(
    pods.map(async ({ name }) => ({
      pod: name,
      answer: await prober.getPod(name, release.containerPort, health.path, health.timeoutSeconds, signal),
    })),
  );
  const measurement = combineHealth(now, answers);
  const good = measurement.phase === "Successful";
  const work = { ...known, looks: known.looks + 1, bad: good ? 0 : known.bad + 1 };
  const found = `bake look ${work.looks}: ${measurement.found}`;
  switch (bakeVerdict(work, health.successes, now)) {
    case "go on":
      return { kind: "again", found, work };
    case "over":
      return { kind: "over", found: `${found}; the time to watch it is over`, work: { ...work, over: true } };
    case "bad":
      return { kind: "refuted", problem: failed("unhealthy", unhealthy(work, measurement.found, health.path)), work };
  }
}

function unhealthy({ bad }: BakeWork, found: string, path: string): string {
  return `It was proven, and then ${path} was not healthy in ${bad} looks in a row. Last: ${found}.`;
}
