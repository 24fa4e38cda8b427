import { PermanentError } from "../domain/errors.ts";
import type { OpenCluster } from "../ports/cluster.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import type { StepHandler } from "./step.ts";
import { readRelease } from "./stored-release.ts";
import { lookAtRelease, NOTHING_MEASURED } from "./verify-release.ts";

/** Health of the new pods over time, then test predictions through the service. */
export function createVerify({
  store,
  openCluster,
}: {
  store: DeploymentStore;
  openCluster: OpenCluster;
}): StepHandler {
  return async ({ deployment, policy, now, signal }) => {
    const id = deployment.work.release?.id;
    if (id === undefined) throw new PermanentError("unexpected", "The verification was reached without a release.");
    const release = await readRelease(store, deployment.target, id);
    const known = deployment.work.verify ?? NOTHING_MEASURED;
    const look = await lookAtRelease(await openCluster(policy), release, policy, known, now, signal);
    const work = { verify: look.work };
    switch (look.kind) {
      case "again":
        return { result: "running", resumeAfterSeconds: look.afterSeconds, found: look.found, work };
      case "proven":
        return { result: "succeeded", found: look.found, work };
      case "refuted":
        return look.problem.kind === "failed"
          ? { result: "failed", problem: look.problem, found: look.problem.message, work }
          : { result: "errored", transient: false, problem: look.problem, found: look.problem.message, work };
      default:
        return look satisfies never;
    }
  };
}
