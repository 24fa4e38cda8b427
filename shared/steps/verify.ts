import type { BakeWork } from "../domain/bake.ts";
import type { VerifyWork } from "../domain/deployment.ts";
import { PermanentError } from "../domain/errors.ts";
import type { Outcome } from "../domain/outcome.ts";
import { errored, type Problem } from "../domain/problem.ts";
import type { Release } from "../domain/release.ts";
import type { ClusterAccess, OpenCluster } from "../ports/cluster.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import type { ImageRegistry } from "../ports/image-registry.ts";
import { BAKE_LOOK_SECONDS, lookAtBaking } from "./bake.ts";
import { lockImage } from "./lock-image.ts";
import type { StepHandler, Visiting } from "./step.ts";
import { readRelease } from "./stored-release.ts";
import { lookAtRelease, NOTHING_MEASURED } from "./verify-release.ts";
import { checkUntouched } from "./watch-rollout.ts";

export interface VerifyDependencies {
  store: DeploymentStore;
  images: ImageRegistry;
  openCluster: OpenCluster;
}

/**
 * Health of the new pods over time, then test predictions through the service; where the policy says so, health for a
 * while longer and predictions once more. What is proven is locked, so that it can be put back.
 */
export function createVerify({ store, images, openCluster }: VerifyDependencies): StepHandler {
  return async (visiting) => {
    const { deployment, policy, now, signal } = visiting;
    const id = deployment.work.release?.id;
    if (id === undefined) throw new PermanentError("unexpected", "The verification was reached without a release.");
    const release = await readRelease(store, deployment.target, id);
    const known = deployment.work.verify ?? NOTHING_MEASURED;
    const access = await openCluster(policy);
    const { bake } = known;
    if (bake !== undefined && !bake.over) return goOnBaking(access, release, visiting, { ...known, bake });
    const look = await lookAtRelease(access, release, policy, known, now, signal);
    const work = { verify: look.work };
    switch (look.kind) {
      case "again":
        return { result: "running", resumeAfterSeconds: look.afterSeconds, found: look.found, work };
      case "proven":
        await checkUntouched(access.cluster, release, signal);
        return startBaking(look, visiting) ?? { ...(await keep(images, release.image, look.found, signal)), work };
      case "refuted":
        return { ...refute(look.problem), work };
      default:
        return look satisfies never;
    }
  };
}

/** Undefined: it has been watched, or is not to be. */
function startBaking(
  { found, work }: { found: string; work: VerifyWork },
  { policy, now }: Visiting,
): Outcome | undefined {
  const { bakeSeconds } = policy.rollout;
  if (work.bake !== undefined || bakeSeconds === undefined) return undefined;
  const until = now + bakeSeconds * 1000;
  return {
    result: "running",
    resumeAfterSeconds: BAKE_LOOK_SECONDS,
    found: `${found}; it is watched until ${new Date(until).toISOString()}`,
    work: { verify: { ...work, bake: { until, looks: 0, bad: 0, over: false } } },
  };
}

async function goOnBaking(
  access: ClusterAccess,
  release: Release,
  { policy, now, signal }: Visiting,
  known: VerifyWork & { bake: BakeWork },
): Promise<Outcome> {
  const look = await lookAtBaking(access, release, policy.verify.health, known.bake, now, signal);
  const work = { verify: { ...known, bake: look.work } };
  if (look.kind === "refuted") return { ...refute(look.problem), work };
  const resumeAfterSeconds = look.kind === "again" ? BAKE_LOOK_SECONDS : 0;
  return { result: "running", resumeAfterSeconds, found: look.found, work };
}

/** A release whose image is gone must not become the one that is put back. */
async function keep(images: ImageRegistry, image: string, found: string, signal: AbortSignal): Promise<Outcome> {
  if (await lockImage(images, image, signal)) return { result: "succeeded", found };
  return refute(errored("stable-lost", `It serves well, but its image ${image} is no longer in the registry.`));
}

function refute(problem: Problem): Outcome {
  const found = problem.message;
  return problem.kind === "failed"
    ? { result: "failed", problem, found }
    : { result: "errored", transient: false, problem, found };
}
