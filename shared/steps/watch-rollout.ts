import { ForeignChangeError } from "../domain/errors.ts";
import { compareTemplate } from "../domain/pod-template.ts";
import { failed, type Problem } from "../domain/problem.ts";
import type { Release } from "../domain/release.ts";
import {
  type Death,
  proofOfDeath,
  type RolloutStatus,
  rolloutStatus,
  type WorkloadStatus,
} from "../domain/rollout-status.ts";
import type { Cluster } from "../ports/cluster.ts";

export type RolloutLook =
  | { kind: "done"; found: string }
  | { kind: "waiting"; found: string }
  /** `mayPass`: decides a rollout, but time alone may mend it, so that a way back goes on waiting. */
  | { kind: "failed"; problem: Problem; mayPass: boolean };

/** Lines of a dead container that are kept. */
const LAST_LINES = 100;

/**
 * One look at a rollout by kubectl's rules; while it is not done, a dead pod decides at once.
 * @throws ForeignChangeError when the workload is not the release's any more.
 */
export async function lookAtRollout(cluster: Cluster, release: Release, signal: AbortSignal): Promise<RolloutLook> {
  const workload = await cluster.workload(release.workload, signal);
  refuseForeign(release, workload);
  const status: RolloutStatus =
    workload === undefined
      ? { kind: "waiting", found: `the workload ${release.workload} is not there` }
      : rolloutStatus(workload);
  if (status.kind === "done") return { kind: "done", found: `${workload?.availableReplicas} new pods are available` };
  const death = proofOfDeath(await cluster.pods(release.template, signal));
  if (death === undefined)
    // Kubernetes' word on a former change stands until the first pod of this one has come up.
    return status.kind === "failed" ? { ...status, mayPass: true } : status;
  const mayPass = death.reason === "ImagePullBackOff";
  return { kind: "failed", problem: await explainDeath(cluster, death, signal), mayPass };
}

/** A death as a problem, with the dead container's last lines; lines that cannot be read are said so. */
export async function explainDeath(cluster: Cluster, death: Death, signal: AbortSignal): Promise<Problem> {
  const lines = await cluster
    .lastLines(death.pod, death.container, LAST_LINES, signal)
    .catch((error: unknown) => [`(its log could not be read: ${error instanceof Error ? error.message : "unknown"})`]);
  return failed("container-dead", `In pod ${death.pod} ${death.found}.`, lines);
}

/**
 * Pods that serve well prove nothing about a release they are not made of.
 * @throws ForeignChangeError when somebody has changed what was applied.
 */
export async function checkUntouched(cluster: Cluster, release: Release, signal: AbortSignal): Promise<void> {
  const workload = await cluster.workload(release.workload, signal);
  if (workload === undefined) throw new ForeignChangeError(`Somebody else removed the workload ${release.workload}.`);
  refuseForeign(release, workload);
}

function refuseForeign(release: Release, workload: WorkloadStatus | undefined): void {
  const found = workload?.template === undefined ? [] : compareTemplate(release, workload.template);
  if (found.length > 0) throw new ForeignChangeError(`Somebody else changed what Belay applied. ${found.join(" ")}`);
}
