import type { Running, Work } from "../domain/deployment.ts";
import { PermanentError } from "../domain/errors.ts";
import { inertLeftovers } from "../domain/inert.ts";
import type { Outcome } from "../domain/outcome.ts";
import { atZero, describeRelease, isWorkload, type KubernetesObject, type Release } from "../domain/release.ts";
import type { ClusterAccess, OpenCluster } from "../ports/cluster.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import { applyChange, withoutForeign } from "./apply-release.ts";
import { splitServed } from "./served-kinds.ts";
import type { ReadPolicy, StepHandler, Visiting } from "./step.ts";
import { readRelease } from "./stored-release.ts";
import { lookAtRelease, NOTHING_MEASURED } from "./verify-release.ts";
import { checkUntouched, lookAtRollout } from "./watch-rollout.ts";

export interface RollbackDependencies {
  store: DeploymentStore;
  openCluster: OpenCluster;
  readPolicy: ReadPolicy;
}

const LOOK_SECONDS = 2;

/** Puts the whole stable release back, waits until it is ready, and verifies it like a rollout. */
export function createRollback({ store, openCluster, readPolicy }: RollbackDependencies): StepHandler {
  return async (visiting) => {
    const { deployment, target, policy } = visiting;
    const access = await openCluster(policy);
    if (target.stable === undefined) return withoutStable(access, visiting, await readCandidate(store, deployment));
    const stable = await readRelease(store, deployment.target, target.stable.releaseId);
    const known = deployment.work.rollback ?? { applied: false, ready: false };
    if (!known.applied)
      return putBack(access, visiting, stable, await readCandidate(store, deployment).catch(withoutCandidate));
    if (!known.ready) return awaitReady(access, visiting, stable, known);
    // By its own policy: the candidate's may ask for paths and answers that only the candidate has.
    const provenBy = await readPolicy(deployment.target, target.stable.policyId);
    return prove(access, { ...visiting, policy: provenBy }, stable, known);
  };
}

async function readCandidate(store: DeploymentStore, { target, work }: Running): Promise<Release | undefined> {
  return work.release === undefined ? undefined : readRelease(store, target, work.release.id);
}

/** A candidate that is lost keeps nobody from putting stable back. */
function withoutCandidate(error: unknown): undefined {
  if (!(error instanceof PermanentError)) throw error;
}

type RollbackWork = NonNullable<Work["rollback"]>;

async function putBack(
  { cluster }: ClusterAccess,
  { deployment, token, signal }: Visiting,
  stable: Release,
  candidate: Release | undefined,
): Promise<Outcome> {
  const formerly = deployment.work.rollout?.formerly;
  const left = candidate === undefined ? [] : inertLeftovers(candidate, stable);
  const inert = await withoutForeign(cluster, { fixed: left, token, formerly }, signal);
  const { hashed } = stable;
  const { served: fixed } = await splitServed(cluster, stable.fixed, signal);
  await applyChange(cluster, { releaseId: stable.id, hashed, fixed: [...fixed, ...inert], token, formerly }, signal);
  return {
    result: "running",
    resumeAfterSeconds: LOOK_SECONDS,
    found: `putting back ${describeRelease(stable)}`,
    work: { rollback: { applied: true, ready: false } },
  };
}

async function awaitReady(
  { cluster }: ClusterAccess,
  { signal }: Visiting,
  stable: Release,
  known: RollbackWork,
): Promise<Outcome> {
  const look = await lookAtRollout(cluster, stable, signal);
  switch (look.kind) {
    case "done":
      return {
        result: "running",
        resumeAfterSeconds: 0,
        found: look.found,
        work: { rollback: { ...known, ready: true } },
      };
    case "failed":
      return look.mayPass
        ? { result: "running", resumeAfterSeconds: LOOK_SECONDS, found: look.problem.message }
        : { result: "failed", problem: look.problem, found: look.problem.message };
    case "waiting":
      return { result: "running", resumeAfterSeconds: LOOK_SECONDS, found: look.found };
    default:
      return look satisfies never;
  }
}

async function prove(
  access: ClusterAccess,
  { policy, now, signal }: Visiting,
  stable: Release,
  known: RollbackWork,
): Promise<Outcome> {
  const look = await lookAtRelease(access, stable, policy, known.verify ?? NOTHING_MEASURED, now, signal);
  const work = { rollback: { ...known, verify: look.work } };
  switch (look.kind) {
    case "again":
      return { result: "running", resumeAfterSeconds: look.afterSeconds, found: look.found, work };
    case "proven":
      await checkUntouched(access.cluster, stable, signal);
      return { result: "succeeded", found: `${describeRelease(stable)} serves again: ${look.found}`, work };
    case "refuted":
      if (look.problem.kind === "failed")
        return { result: "failed", problem: look.problem, found: look.problem.message, work };
      // What could not be measured says nothing against stable: measured anew, for as long as there is time.
      return {
        result: "running",
        resumeAfterSeconds: LOOK_SECONDS,
        found: look.problem.message,
        work: { rollback: { ...known, verify: NOTHING_MEASURED } },
      };
    default:
      return look satisfies never;
  }
}

/** The first deployment of a target has nothing to go back to: the workload is left as the policy says. */
async function withoutStable(
  { cluster }: ClusterAccess,
  { deployment, policy, token, signal }: Visiting,
  candidate: Release | undefined,
): Promise<Outcome> {
  if (policy.firstFailure === "keep" || candidate === undefined)
    return { result: "succeeded", found: "nothing to go back to; the workload is left as it is, as the policy says" };
  const { served } = await splitServed(cluster, candidate.fixed, signal);
  const fixed: KubernetesObject[] = served.map((object) => (isWorkload(object) ? atZero(object) : object));
  const formerly = deployment.work.rollout?.formerly;
  await applyChange(cluster, { releaseId: candidate.id, hashed: candidate.hashed, fixed, token, formerly }, signal);
  return { result: "succeeded", found: "nothing to go back to; the workload is scaled to zero, as the policy says" };
}
