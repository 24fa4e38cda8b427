import type { RolloutWork } from "../domain/deployment.ts";
import { PermanentError } from "../domain/errors.ts";
import type { Outcome } from "../domain/outcome.ts";
import { failed, type Problem } from "../domain/problem.ts";
import { describeRelease, type Release } from "../domain/release.ts";
import { formerlyOf, type StableRelease } from "../domain/target.ts";
import type { Cluster, OpenCluster } from "../ports/cluster.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import type { ImageRegistry } from "../ports/image-registry.ts";
import { applyChange, checkFences } from "./apply-release.ts";
import { lockImage } from "./lock-image.ts";
import { splitServed } from "./served-kinds.ts";
import type { StepHandler, Visiting } from "./step.ts";
import { readRelease } from "./stored-release.ts";
import { lookAtRollout } from "./watch-rollout.ts";

export interface RolloutDependencies {
  store: DeploymentStore;
  images: ImageRegistry;
  openCluster: OpenCluster;
}

/** Seconds between looks at a rollout. */
const LOOK_SECONDS = 2;

/** Proves that going back is possible, then applies the release, then watches it by kubectl's rules. */
export function createRollout(dependencies: RolloutDependencies): StepHandler {
  return async (visiting) => {
    const { deployment, policy } = visiting;
    const id = deployment.work.release?.id;
    if (id === undefined) throw new PermanentError("unexpected", "The rollout was reached without a release.");
    const release = await readRelease(dependencies.store, deployment.target, id);
    const { cluster } = await dependencies.openCluster(policy);
    const work = deployment.work.rollout;
    if (work === undefined || !work.begun) return begin(dependencies, visiting, release);
    if (!work.applied) return apply(cluster, visiting, release, work);
    return watch(cluster, visiting, release);
  };
}

/** Nothing is changed here: the save that follows says that the next visit will. */
async function begin(
  dependencies: RolloutDependencies,
  { target, policy, token, signal }: Visiting,
  release: Release,
): Promise<Outcome> {
  const { stable } = target;
  const obstacle =
    stable === undefined ? undefined : await findObstacle(dependencies, target.name, stable, release, signal);
  if (obstacle !== undefined) return { result: "failed", problem: obstacle, found: obstacle.message };
  const { cluster } = await dependencies.openCluster(policy);
  const formerly = formerlyOf(target);
  await checkFences(cluster, { fixed: release.fixed, token, formerly }, signal);
  return {
    result: "running",
    resumeAfterSeconds: 0,
    found:
      stable === undefined
        ? "nothing is there to go back to: the first release"
        : `the way back is safe: stable image locked${await describeUnserved(dependencies, target.name, stable, cluster, signal)}`,
    work: {
      rollout: {
        begun: true,
        applied: false,
        ...(formerly === undefined ? {} : { formerly }),
      },
    },
  };
}

/** Why going back to the stable release would not be possible now. */
async function findObstacle(
  { store, images }: RolloutDependencies,
  target: string,
  stable: StableRelease,
  candidate: Release,
  signal: AbortSignal,
): Promise<Problem | undefined> {
  if (!(await lockImage(images, stable.image, signal)))
    return failed(
      "stable-lost",
      `Going back would not be possible: the stable image ${stable.image} is not in the registry.`,
    );
  const { namespace, workload } = await readRelease(store, target, stable.releaseId);
  if (namespace === candidate.namespace && workload === candidate.workload) return undefined;
  return failed(
    "release-invalid",
    `The target runs ${namespace}/${workload}, the policy says ${candidate.namespace}/${candidate.workload}: give another place a target of its own.`,
  );
}

/** What of the stable release could not be put back now, as the end of a sentence. */
async function describeUnserved(
  { store }: RolloutDependencies,
  target: string,
  { releaseId }: StableRelease,
  cluster: Cluster,
  signal: AbortSignal,
): Promise<string> {
  const { fixed } = await readRelease(store, target, releaseId);
  const { unserved } = await splitServed(cluster, fixed, signal);
  if (unserved.length === 0) return "";
  const names = unserved.map(({ kind, metadata }) => `${kind} ${metadata.name}`).join(", ");
  return `; without ${names}, whose kind the cluster does not know any more`;
}

async function apply(
  cluster: Cluster,
  { token, signal }: Visiting,
  release: Release,
  work: RolloutWork,
): Promise<Outcome> {
  const { hashed, fixed } = release;
  await applyChange(cluster, { releaseId: release.id, hashed, fixed, token, formerly: work.formerly }, signal);
  return {
    result: "running",
    resumeAfterSeconds: LOOK_SECONDS,
    found: `applied ${describeRelease(release)}`,
    work: { rollout: { ...work, applied: true } },
  };
}

async function watch(cluster: Cluster, { signal }: Visiting, release: Release): Promise<Outcome> {
  const look = await lookAtRollout(cluster, release, signal);
  switch (look.kind) {
    case "done":
      return { result: "succeeded", found: look.found };
    case "failed":
      return { result: "failed", problem: look.problem, found: look.problem.message };
    case "waiting":
      return { result: "running", resumeAfterSeconds: LOOK_SECONDS, found: look.found };
    default:
      return look satisfies never;
  }
}
