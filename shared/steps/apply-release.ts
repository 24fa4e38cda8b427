import { FencedError, ForeignChangeError, TransientError } from "../domain/errors.ts";
import { fence } from "../domain/fence.ts";
import { ANNOTATIONS, isAutoscaler, type KubernetesObject, LABELS } from "../domain/release.ts";
import { isPruned } from "../domain/release-kinds.ts";
import type { Formerly } from "../domain/target.ts";
import { formatToken, type Token } from "../domain/token.ts";
import type { Cluster, ObservedObject } from "../ports/cluster.ts";
import { strayAutoscalers } from "./stray-autoscalers.ts";

/** What one visit wants on the cluster. */
export interface Change {
  releaseId: string;
  hashed: readonly KubernetesObject[];
  /** Fenced, in the order they are applied. */
  fixed: readonly KubernetesObject[];
  token: Token;
  /** Generation that changed the target last before this one. */
  formerly: Formerly | undefined;
}

/** A conflict with an unchanged token is read again this often. */
const MAX_READS = 5;

/**
 * Reads every fixed-name object and checks its token, changing nothing.
 * @throws FencedError, ForeignChangeError
 */
export async function checkFences(
  cluster: Cluster,
  change: Pick<Change, "fixed" | "token" | "formerly">,
  signal: AbortSignal,
): Promise<readonly (ObservedObject | undefined)[]> {
  const seen = await Promise.all(change.fixed.map((object) => cluster.read(object, signal)));
  seen.forEach((observed, index) => {
    const object = change.fixed[index];
    if (observed !== undefined && object !== undefined) checkFence(object, observed, change);
  });
  return seen;
}

/**
 * Those objects of a change that nobody else has put in their place.
 * @throws FencedError
 */
export async function withoutForeign(
  cluster: Cluster,
  change: Pick<Change, "fixed" | "token" | "formerly">,
  signal: AbortSignal,
): Promise<readonly KubernetesObject[]> {
  const seen = await Promise.all(change.fixed.map((object) => cluster.read(object, signal)));
  return change.fixed.filter((object, index) => {
    const observed = seen[index];
    return observed === undefined || !isForeign(object, observed, change);
  });
}

function isForeign(object: KubernetesObject, seen: ObservedObject, change: Pick<Change, "token" | "formerly">) {
  try {
    checkFence(object, seen, change);
    return false;
  } catch (error) {
    if (error instanceof ForeignChangeError) return true;
    throw error;
  }
}

function checkFence(object: KubernetesObject, seen: ObservedObject, change: Pick<Change, "token" | "formerly">): void {
  const name = `${object.kind} ${object.metadata.name}`;
  if (seen.labels[LABELS.target] !== object.metadata.labels?.[LABELS.target])
    throw new ForeignChangeError(`${name} is there, but it is not this target's.`);
  // What is removed once nobody needs it may stand there still from any release before, with that one's token.
  const formerly = isPruned(object) ? undefined : change.formerly;
  switch (fence(seen.token, change.token, formerly)) {
    case "open":
      return;
    case "newer":
      throw new FencedError(`${name} carries a newer token than ${formatToken(change.token)}.`);
    case "foreign":
      throw new ForeignChangeError(
        seen.token === undefined
          ? `${name} is there, but Belay did not put it there.`
          : `${name} carries the token ${formatToken(seen.token)}, which is not this target's last.`,
      );
  }
}

/**
 * Applies a whole release: all tokens are checked before anything is changed, every object is applied with the
 * uid and resourceVersion that were read, absent ones are only created. Doing it twice is the same as once.
 * @throws FencedError, ForeignChangeError, TransientError, PermanentError
 */
export async function applyChange(cluster: Cluster, given: Change, signal: AbortSignal): Promise<void> {
  // What scales a workload first: it must not undo what follows.
  const change = { ...given, fixed: given.fixed.toSorted((a, b) => Number(isAutoscaler(b)) - Number(isAutoscaler(a))) };
  const seen = await checkFences(cluster, change, signal);
  const strays = await strayAutoscalers(cluster, change.fixed, seen, signal);
  const straysSeen = await checkFences(cluster, { ...change, fixed: strays }, signal);
  // Immutable, and most often new: one that an older release left is stamped, so that pruning leaves it.
  for (const object of change.hashed) await applyFenced(cluster, object, undefined, change, signal);
  for (const [index, object] of strays.entries()) await applyFenced(cluster, object, straysSeen[index], change, signal);
  for (const [index, object] of change.fixed.entries()) await applyFenced(cluster, object, seen[index], change, signal);
}

async function applyFenced(
  cluster: Cluster,
  object: KubernetesObject,
  firstSeen: ObservedObject | undefined,
  change: Change,
  signal: AbortSignal,
): Promise<void> {
  let seen = firstSeen;
  for (let reads = 0; reads < MAX_READS; reads++) {
    if ((await cluster.apply(stamped(object, change), seen, signal)) === "applied") return;
    seen = await cluster.read(object, signal);
    if (seen !== undefined) checkFence(object, seen, change);
  }
  throw new TransientError(
    "rollout-refused",
    `${object.kind} ${object.metadata.name} changed ${MAX_READS} times while it was applied.`,
  );
}

function stamped(object: KubernetesObject, { releaseId, token }: Change): KubernetesObject {
  const annotations = {
    ...object.metadata.annotations,
    [ANNOTATIONS.token]: formatToken(token),
    [ANNOTATIONS.release]: releaseId,
  };
  return { ...object, metadata: { ...object.metadata, annotations } };
}
