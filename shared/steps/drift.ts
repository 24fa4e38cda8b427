import { deploymentId } from "../domain/deployment.ts";
import { compareObjects, type ObjectChange } from "../domain/difference.ts";
import { PermanentError } from "../domain/errors.ts";
import { ANNOTATIONS, type KubernetesObject, type Release } from "../domain/release.ts";
import { isPruned } from "../domain/release-kinds.ts";
import { formerlyOf, type Target } from "../domain/target.ts";
import { formatToken, parseToken } from "../domain/token.ts";
import type { Clock } from "../ports/clock.ts";
import type { OpenCluster } from "../ports/cluster.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import type { Preview, Previewer } from "../ports/previewer.ts";
import type { ReadPolicy } from "./step.ts";
import { readRelease } from "./stored-release.ts";

/** What is live, beside what was recorded when it was proven. Times are ISO 8601. */
export interface DriftReport {
  target: string;
  at: string;
  /** Undefined: nothing was proven here yet, so there is nothing to compare with. */
  stable?: { version: string; image: string };
  /** The deployment that is changing the target now, and whose changes are among those told. */
  underWay?: string;
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
  const objects = await comparePreviews(previewer, release, record?.value, clock.timeout(LOOK_MS));
  const { version } = stable.model;
  const { active, changing } = record?.value ?? {};
  const underWay =
    active === undefined || changing !== true ? {} : { underWay: deploymentId({ target: name, generation: active }) };
  return { ...report, stable: { version, image: stable.image }, ...underWay, same: objects.length === 0, objects };
}

/** The objects of a release of which something else is live. */
export async function comparePreviews(
  previewer: Previewer,
  { hashed, fixed }: Pick<Release, "hashed" | "fixed">,
  target: Target | undefined,
  signal: AbortSignal,
): Promise<DriftReport["objects"]> {
  const found = await Promise.all(
    [...hashed, ...fixed].map(async (object) => {
      const { live, next, conflict: refusal } = await previewer.preview(object, signal).catch(refused(object));
      const conflict = refusal ?? (fixed.includes(object) ? strangeToken(live, target) : undefined);
      return { ...compareObjects(live, next), ...(conflict === undefined ? {} : { conflict }) };
    }),
  );
  return found.filter(({ change, conflict }) => change !== "none" || conflict !== undefined);
}

/** What a rollout would take for somebody else's change: a token that is not of the target's last. */
function strangeToken(live: KubernetesObject | undefined, target: Target | undefined): string | undefined {
  const formerly = target === undefined ? undefined : formerlyOf(target);
  if (live === undefined || formerly === undefined) return undefined;
  const token = parseToken(live.metadata.annotations?.[ANNOTATIONS.token] ?? "");
  if (token === undefined) return "It carries no token of Belay's.";
  const since = isPruned(live) ? 0 : formerly.since;
  if (token.generation >= since && token.generation <= formerly.last) return undefined;
  return `It carries the token ${formatToken(token)}, which is not of the target's last change.`;
}

/** What the API server would not take is told of the object, so that the others are told of as well. */
function refused(object: KubernetesObject) {
  return (error: unknown): Preview => {
    if (error instanceof PermanentError) return { live: object, next: object, conflict: error.message };
    throw error;
  };
}
