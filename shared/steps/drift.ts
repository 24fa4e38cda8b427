import { compareObjects, type ObjectChange } from "../domain/difference.ts";
import type { Release } from "../domain/release.ts";
import type { Clock } from "../ports/clock.ts";
import type { OpenCluster } from "../ports/cluster.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import type { Previewer } from "../ports/previewer.ts";
import type { ReadPolicy } from "./step.ts";
import { readRelease } from "./stored-release.ts";

/** What is live, beside what was recorded when it was proven. Times are ISO 8601. */
export interface DriftReport {
  target: string;
  at: string;
  /** Undefined: nothing was proven here yet, so there is nothing to compare with. */
  stable?: { version: string; image: string };
  /** Whether every field that Belay owns is as it was recorded. */
  same: boolean;
  /** Objects that differ: `create` is one that is gone, `from` is what is live and `to` what was recorded. */
  objects: readonly (ObjectChange & { conflict?: string })[];
}

export interface DriftDependencies {
  store: DeploymentStore;
  openCluster: OpenCluster;
  readPolicy: ReadPolicy;
  clock: Clock;
}

const LOOK_MS = 60_000;

/**
 * Field by field, what somebody changed of the release that a target was proven with. Nothing is changed.
 * Errors: TransientError, PermanentError.
 */
export async function findDrift(dependencies: DriftDependencies, name: string): Promise<DriftReport> {
  const { store, openCluster, readPolicy, clock } = dependencies;
  const { now, record } = await store.readTarget(name);
  const report = { target: name, at: new Date(now).toISOString() };
  const stable = record?.value.stable;
  if (stable === undefined) return { ...report, same: true, objects: [] };
  const release = await readRelease(store, name, stable.releaseId);
  const { previewer } = await openCluster(await readPolicy(name, stable.policyId));
  const objects = await comparePreviews(previewer, release, clock.timeout(LOOK_MS));
  const { version } = stable.model;
  return { ...report, stable: { version, image: stable.image }, same: objects.length === 0, objects };
}

/** The objects of a release of which something else is live. */
export async function comparePreviews(
  previewer: Previewer,
  { hashed, fixed }: Pick<Release, "hashed" | "fixed">,
  signal: AbortSignal,
): Promise<DriftReport["objects"]> {
  const found = await Promise.all(
    [...hashed, ...fixed].map(async (object) => {
      const { live, next, conflict } = await previewer.preview(object, signal);
      return { ...compareObjects(live, next), ...(conflict === undefined ? {} : { conflict }) };
    }),
  );
  return found.filter(({ change, conflict }) => change !== "none" || conflict !== undefined);
}
