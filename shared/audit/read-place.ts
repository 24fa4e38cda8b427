import type { TargetPolicy } from "../domain/policy.ts";
import { type KubernetesObject, objectKey, type Release } from "../domain/release.ts";
import type { StableRelease, Target } from "../domain/target.ts";
import type { Cluster, ObservedObject, OpenCluster } from "../ports/cluster.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import type { ImageRegistry } from "../ports/image-registry.ts";
import type { ClusterEvidence, SeenObject, StableEvidence, TargetEvidence } from "./evidence.ts";

export interface PlaceSources {
  store: DeploymentStore;
  images: ImageRegistry;
  openCluster: OpenCluster;
}

/** What should serve and what does: the stable release with its image, and the cluster. */
export async function readPlace(
  { store, images, openCluster }: PlaceSources,
  policy: TargetPolicy,
  target: Target | undefined,
  signal: AbortSignal,
): Promise<Pick<TargetEvidence, "stable" | "cluster">> {
  // Belay has not touched anything there.
  if (target?.stable === undefined && target?.changedBy === undefined) return {};
  const release = target.stable && (await readRelease(store, target.name, target.stable.releaseId));
  const { cluster } = await openCluster(release === undefined ? policy : { ...policy, namespace: release.namespace });
  const seen = await readCluster(cluster, policy, release, signal);
  if (target.stable === undefined) return { cluster: seen };
  const stable = await readStable(images, target.stable, release, signal);
  const isKept = seen.owned.every(({ key }) => stable.kept.includes(key));
  // Most often everything is the stable release's: then the ones before it need not be read.
  const former = isKept ? [] : await readKept(store, target);
  return { cluster: seen, stable: { ...stable, kept: [...stable.kept, ...former] } };
}

async function readRelease(store: DeploymentStore, target: string, id: string): Promise<Release | undefined> {
  const text = await store.readBundle(target, "release", id);
  return text === undefined ? undefined : (JSON.parse(text) as Release);
}

async function readStable(
  images: ImageRegistry,
  { image }: StableRelease,
  release: Release | undefined,
  signal: AbortSignal,
): Promise<StableEvidence> {
  const at = image.indexOf("@");
  const repository = image.slice(image.indexOf("/") + 1, at);
  const imageExists = await images.exists(repository, image.slice(at + 1), signal);
  return { imageExists, kept: keysOf(release), ...(release === undefined ? {} : { release }) };
}

async function readKept(store: DeploymentStore, { name, former = [] }: Target): Promise<readonly string[]> {
  const releases = await Promise.all(former.map(({ releaseId }) => readRelease(store, name, releaseId)));
  return releases.flatMap(keysOf);
}

function keysOf(release: Release | undefined): readonly string[] {
  return release === undefined ? [] : [...release.hashed, ...release.fixed].map(objectKey);
}

async function readCluster(
  cluster: Cluster,
  policy: TargetPolicy,
  release: Release | undefined,
  signal: AbortSignal,
): Promise<ClusterEvidence> {
  const [workload, owned, fixed] = await Promise.all([
    cluster.workload(release?.workload ?? policy.workload, signal),
    cluster.listOwned(policy.target, signal),
    Promise.all((release?.fixed ?? []).map(async (object) => toSeen(object, await cluster.read(object, signal)))),
  ]);
  return {
    ...(workload === undefined ? {} : { workload }),
    fixed,
    owned: owned.map((object) => toSeen(object.reference, object)),
  };
}

function toSeen(
  reference: Pick<KubernetesObject, "apiVersion" | "kind" | "metadata">,
  seen: ObservedObject | undefined,
): SeenObject {
  return {
    described: `${reference.kind} ${reference.metadata.name}`,
    key: objectKey(reference),
    present: seen !== undefined,
    ...(seen?.token === undefined ? {} : { token: seen.token }),
  };
}
