import type { TargetPolicy } from "../domain/policy.ts";
import type { KubernetesObject } from "../domain/release.ts";
import { customApis, kindText, releaseKind } from "../domain/release-kinds.ts";
import type { ServedKinds } from "../domain/render-release.ts";
import type { Cluster, OpenCluster } from "../ports/cluster.ts";

/**
 * Which of the custom kinds in the base manifests the target's cluster knows now. A cluster is asked only where there
 * are some.
 * @throws TransientError, PermanentError
 */
export async function servedKinds(
  openCluster: OpenCluster,
  policy: TargetPolicy,
  base: readonly KubernetesObject[],
  signal: AbortSignal,
): Promise<ServedKinds> {
  const apis = customApis(base);
  return apis.length === 0 ? new Set() : kindsOf((await openCluster(policy)).cluster, apis, signal);
}

/**
 * A stored release's objects that the cluster knows now, in their order, and those of custom kinds whose definitions
 * it has lost since: they could not be applied, and nothing that serves depends on them.
 * @throws TransientError, PermanentError
 */
export async function splitServed(
  cluster: Cluster,
  objects: readonly KubernetesObject[],
  signal: AbortSignal,
): Promise<{ served: readonly KubernetesObject[]; unserved: readonly KubernetesObject[] }> {
  const known = await kindsOf(cluster, customApis(objects), signal);
  const isServed = (object: KubernetesObject) => releaseKind(object)?.custom !== true || known.has(kindText(object));
  return { served: objects.filter(isServed), unserved: objects.filter((object) => !isServed(object)) };
}

async function kindsOf(cluster: Cluster, apis: readonly string[], signal: AbortSignal): Promise<ServedKinds> {
  const found = await Promise.all(
    apis.map(async (apiVersion) => {
      const kinds = await cluster.kinds(apiVersion, signal);
      return kinds.map((kind) => kindText({ apiVersion, kind }));
    }),
  );
  return new Set(found.flat());
}
