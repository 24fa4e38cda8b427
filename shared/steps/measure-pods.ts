import type { HealthPolicy } from "../domain/policy.ts";
import type { Problem } from "../domain/problem.ts";
import type { Release } from "../domain/release.ts";
import { proofOfDeath } from "../domain/rollout-status.ts";
import { combineHealth, type HealthMeasurement } from "../domain/verification.ts";
import type { ClusterAccess } from "../ports/cluster.ts";
import { explainDeath } from "./watch-rollout.ts";

/** Asks every pod of a release for its health; or says which of them is proven dead. */
export async function measurePods(
  { cluster, prober }: ClusterAccess,
  release: Release,
  health: HealthPolicy,
  now: number,
  signal: AbortSignal,
): Promise<HealthMeasurement | { death: Problem }> {
  const pods = (await cluster.pods(release.template, signal)).filter(({ terminating }) => !terminating);
  const death = proofOfDeath(pods);
  if (death !== undefined) return { death: await explainDeath(cluster, death, signal) };
  // What an autoscaler adds, or takes the place of an evicted one, proves nothing while it starts.
  const started = pods.filter(({ starting }) => starting !== true);
  const answers = await Promise.all(
    (started.length > 0 ? started : pods).map(async ({ name }) => ({
      pod: name,
      answer: await prober.getPod(name, release.containerPort, health.path, health.timeoutSeconds, signal),
    })),
  );
  return combineHealth(now, answers);
}
