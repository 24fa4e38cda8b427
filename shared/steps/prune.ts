import { type Ended, hasBegun, hasEnded } from "../domain/deployment.ts";
import { actsOnPods } from "../domain/inert.ts";
import { isLastPrune, type PruneMessage } from "../domain/owed.ts";
import type { TargetPolicy } from "../domain/policy.ts";
import { objectKey } from "../domain/release.ts";
import { isPruned } from "../domain/release-kinds.ts";
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
      await pruneAfter({ store, openCluster, readPolicy, clock, log }, record.value, ended, now);
    if (isLastPrune(ended.endedAt, now)) await store.markDone(message.target, message.generation, "prune");
  };
}

async function pruneAfter(
  { store, openCluster, readPolicy, clock, log }: PruneDependencies,
  target: Target,
  ended: Ended,
  now: number,
): Promise<void> {
  const signal = clock.timeout(VISIT_MS);
  // The list first: what a deployment under way creates after it is not in it.
  const { cluster } = await openCluster(await readPolicy(target.name, ended.policyId));
  const owned = await cluster.listOwned(target.name, signal);
  const kept = await keptObjects(store, target);
  const removed: string[] = [];
  for (const object of owned.filter((one) => isLeftover(one, kept, ended.generation))) {
    if (await holdsPlace(store, target, object, now)) continue;
    await cluster.remove(object, signal);
    removed.push(`${object.reference.kind} ${object.reference.metadata.name}`);
  }
  if (removed.length > 0) log("info", "deployment.pruned", { target: target.name, removed });
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
  if (kept.has(objectKey(reference)) || !isPruned(reference)) return false;
  return token !== undefined && token.generation <= generation;
}

/** An inert object stays until no frozen visit of the deployment that stamped it can live: gone, it could be created anew, and act. */
async function holdsPlace(
  store: DeploymentStore,
  { name }: Target,
  { reference, token }: OwnedObject,
  now: number,
): Promise<boolean> {
  if (token === undefined || !actsOnPods(reference)) return false;
  const by = (await store.readDeployment(name, token.generation))?.value;
  return by !== undefined && !(hasEnded(by) && isLastPrune(by.endedAt, now));
}
