import { type Ended, hasBegun, hasEnded } from "../domain/deployment.ts";
import { isLastPrune, type PruneMessage } from "../domain/owed.ts";
import type { TargetPolicy } from "../domain/policy.ts";
import { objectKey } from "../domain/release.ts";
import type { Target } from "../domain/target.ts";
import type { Clock } from "../ports/clock.ts";
import type { OpenCluster, OwnedObject } from "../ports/cluster.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import type { Log } from "../ports/telemetry.ts";
import { readRelease } from "./stored-release.ts";

export interface PruneDependencies {
  store: DeploymentStore;
  openCluster: OpenCluster;
  readPolicy: (target: string, policyId: string) => Promise<TargetPolicy>;
  clock: Clock;
  log: Log;
}

const VISIT_MS = 240_000;
/** Scaled to zero, never deleted: a frozen worker could create a deleted one anew. */
const NEVER_DELETED = new Set(["Deployment", "StatefulSet", "Service"]);

/**
 * One look at what an ended deployment or its predecessors left behind: objects under the target's label that no
 * release in use has and that nobody has touched since. Without a stable release everything is left as it is.
 * @throws TransientError, PermanentError
 */
export function createPrune({ store, openCluster, readPolicy, clock, log }: PruneDependencies) {
  return async (message: PruneMessage): Promise<void> => {
    const { now, record } = await store.readTarget(message.target);
    const ended = (await store.readDeployment(message.target, message.generation))?.value;
    if (record === undefined || ended === undefined || !hasEnded(ended)) return;
    // After a rollback that failed the candidate may still run: a person decides what is of use.
    if (record.value.stable !== undefined && ended.phase !== "RollbackFailed")
      await pruneAfter({ store, openCluster, readPolicy, clock, log }, record.value, ended);
    if (isLastPrune(ended.endedAt, now)) await store.markDone(message.target, message.generation, "prune");
  };
}

async function pruneAfter(
  { store, openCluster, readPolicy, clock, log }: PruneDependencies,
  target: Target,
  ended: Ended,
): Promise<void> {
  const signal = clock.timeout(VISIT_MS);
  // The list first: what a deployment under way creates after it is not in it.
  const { cluster } = await openCluster(await readPolicy(target.name, ended.policyId));
  const owned = await cluster.listOwned(target.name, signal);
  const kept = await keptObjects(store, target);
  const left = owned.filter((object) => isLeftover(object, kept, ended.generation));
  for (const object of left) await cluster.remove(object, signal);
  if (left.length > 0)
    log("info", "deployment.pruned", {
      target: target.name,
      removed: left.map(({ reference }) => `${reference.kind} ${reference.metadata.name}`),
    });
}

/** What the stable release and a deployment under way are made of. */
async function keptObjects(store: DeploymentStore, target: Target): Promise<ReadonlySet<string>> {
  const ids = target.stable === undefined ? [] : [target.stable.releaseId];
  const active = target.active === undefined ? undefined : await store.readDeployment(target.name, target.active);
  const candidate = active !== undefined && hasBegun(active.value) ? active.value.work.release?.id : undefined;
  const releases = await Promise.all(
    [...ids, ...(candidate === undefined ? [] : [candidate])].map((id) => readRelease(store, target.name, id)),
  );
  return new Set(releases.flatMap(({ hashed, fixed }) => [...hashed, ...fixed]).map(objectKey));
}

function isLeftover({ reference, token }: OwnedObject, kept: ReadonlySet<string>, generation: number): boolean {
  if (kept.has(objectKey(reference)) || NEVER_DELETED.has(reference.kind)) return false;
  return token !== undefined && token.generation <= generation;
}
