import type { TargetPolicy } from "../domain/policy.ts";
import type { KubernetesObject } from "../domain/release.ts";
import { customApis, kindText } from "../domain/release-kinds.ts";
import type { ServedKinds } from "../domain/render-release.ts";
import type { OpenCluster } from "../ports/cluster.ts";

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
  if (apis.length === 0) return new Set();
  const { cluster } = await openCluster(policy);
  const found = await Promise.all(
    apis.map(async (apiVersion) => {
      const kinds = await cluster.kinds(apiVersion, signal);
      return kinds.map((kind) => kindText({ apiVersion, kind }));
    }),
  );
  return new Set(found.flat());
}
