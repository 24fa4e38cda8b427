import { failed, type Problem } from "../domain/problem.ts";
import type { Release } from "../domain/release.ts";
import { type Death, proofOfDeath, rolloutStatus } from "../domain/rollout-status.ts";
import type { Cluster } from "../ports/cluster.ts";

export type RolloutLook =
  | { kind: "done"; found: string }
  | { kind: "waiting"; found: string }
  | { kind: "failed"; problem: Problem };

/** Lines of a dead container that are kept. */
const LAST_LINES = 100;

/** One look at a rollout: dead pods decide at once, then kubectl's rules. */
export async function lookAtRollout(cluster: Cluster, release: Release, signal: AbortSignal): Promise<RolloutLook> {
  const [workload, pods] = await Promise.all([
    cluster.workload(release.workload, signal),
    cluster.pods(release.template, signal),
  ]);
  const death = proofOfDeath(pods);
  if (death !== undefined) return { kind: "failed", problem: await explainDeath(cluster, death, signal) };
  if (workload === undefined) return { kind: "waiting", found: `the workload ${release.workload} is not there` };
  const status = rolloutStatus(workload);
  return status.kind === "done"
    ? { kind: "done", found: `${workload.availableReplicas} new pods are available` }
    : status;
}

/** A death as a problem, with the dead container's last lines; lines that cannot be read are said so. */
export async function explainDeath(cluster: Cluster, death: Death, signal: AbortSignal): Promise<Problem> {
  const lines = await cluster
    .lastLines(death.pod, death.container, LAST_LINES, signal)
    .catch((error: unknown) => [`(its log could not be read: ${error instanceof Error ? error.message : "unknown"})`]);
  return failed("container-dead", `In pod ${death.pod} ${death.found}.`, lines);
}
