import { PermanentError } from "../domain/errors.ts";
import type { Outcome } from "../domain/outcome.ts";
import { errored, type Problem } from "../domain/problem.ts";
import type { OpenCluster } from "../ports/cluster.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import type { ImageRegistry } from "../ports/image-registry.ts";
import { lockImage } from "./lock-image.ts";
import type { StepHandler } from "./step.ts";
import { readRelease } from "./stored-release.ts";
import { lookAtRelease, NOTHING_MEASURED } from "./verify-release.ts";
import { checkUntouched } from "./watch-rollout.ts";

export interface VerifyDependencies {
  store: DeploymentStore;
  images: ImageRegistry;
  openCluster: OpenCluster;
}

/** Health of the new pods over time, then test predictions through the service; what is proven is locked, so that it can be put back. */
export function createVerify({ store, images, openCluster }: VerifyDependencies): StepHandler {
  return async ({ deployment, policy, now, signal }) => {
    const id = deployment.work.release?.id;
    if (id === undefined) throw new PermanentError("unexpected", "The verification was reached without a release.");
    const release = await readRelease(store, deployment.target, id);
    const known = deployment.work.verify ?? NOTHING_MEASURED;
    const access = await openCluster(policy);
    const look = await lookAtRelease(access, release, policy, known, now, signal);
    const work = { verify: look.work };
    switch (look.kind) {
      case "again":
        return { result: "running", resumeAfterSeconds: look.afterSeconds, found: look.found, work };
      case "proven":
        await checkUntouched(access.cluster, release, signal);
        return { ...(await keep(images, release.image, look.found, signal)), work };
      case "refuted":
        return { ...refute(look.problem), work };
      default:
        return look satisfies never;
    }
  };
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
