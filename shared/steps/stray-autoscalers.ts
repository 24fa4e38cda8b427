import { detached } from "../domain/inert.ts";
import { isAutoscaled, isAutoscaler, isWorkload, type KubernetesObject, LABELS, objectKey } from "../domain/release.ts";
import type { Cluster, ObservedObject } from "../ports/cluster.ts";

/**
 * Autoscalers of the target that a change is not made of, detached: a workload whose replicas become its own again must
 * not be scaled by what a former release left, and what is left may be removed only after the ending.
 */
export async function strayAutoscalers(
  cluster: Cluster,
  fixed: readonly KubernetesObject[],
  seen: readonly (ObservedObject | undefined)[],
  signal: AbortSignal,
): Promise<readonly KubernetesObject[]> {
  const freed = fixed.find(
    (object, index) => isWorkload(object) && !isAutoscaled(object) && seen[index]?.replicas?.autoscaled === true,
  );
  const labels = freed?.metadata.labels;
  const target = labels?.[LABELS.target];
  if (labels === undefined || target === undefined) return [];
  const own = new Set(fixed.map(objectKey));
  const owned = await cluster.listOwned(target, signal);
  return owned
    .filter(({ reference, token }) => isAutoscaler(reference) && token !== undefined && !own.has(objectKey(reference)))
    .map(({ reference }) => detached({ ...reference, metadata: { ...reference.metadata, labels } }))
    .filter((object) => object !== undefined);
}
