import { type Deployment, hasEnded } from "../domain/deployment.ts";
import type { Retention, TargetPolicy } from "../domain/policy.ts";
import type { Target } from "../domain/target.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import type { ImageRegistry } from "../ports/image-registry.ts";
import { splitImage } from "./stored-release.ts";

interface RemoveDependencies {
  store: DeploymentStore;
  images: ImageRegistry;
  retention: Retention;
  /** Every target of the policy: one image may serve several. */
  policies: readonly Pick<TargetPolicy, "target">[];
}

/**
 * Removes the image and the bundle of a deployment's release, unless it is still of use; how many releases. The bundle
 * is looked at before the target: whoever needs it from then on puts it again, and then it stays.
 */
export async function removeRelease(
  dependencies: RemoveDependencies,
  { target: name, work: { release } }: Deployment,
  signal: AbortSignal,
): Promise<number> {
  const { store, retention } = dependencies;
  if (release === undefined) return 0;
  const etag = await store.readBundleEtag(name, "release", release.id);
  const target = (await store.readTarget(name)).record?.value;
  // Whatever is under way may be about to prove this very image.
  if (target === undefined || (await isUnderWay(store, target))) return 0;
  if (keptReleases(target, retention).some(({ releaseId }) => releaseId === release.id)) return 0;
  if (!(await isNeeded(dependencies, name, release.image)))
    await removeImage(dependencies, name, release.image, signal);
  if (etag !== undefined) await store.removeBundle(name, "release", release.id, etag);
  return 1;
}

function keptReleases({ stable, former = [] }: Target, { keptReleases: count }: Retention) {
  return stable === undefined ? former.slice(0, count) : [stable, ...former].slice(0, count);
}

async function isUnderWay(store: DeploymentStore, { name, active, waiting }: Target): Promise<boolean> {
  const open = [active, waiting].filter((generation) => generation !== undefined);
  const read = await Promise.all(open.map((generation) => store.readDeployment(name, generation)));
  return read.some((one) => one !== undefined && !hasEnded(one.value));
}

/** Whether any target keeps a release of this image, or may be about to prove it. */
async function isNeeded(
  { store, retention, policies }: RemoveDependencies,
  name: string,
  image: string,
): Promise<boolean> {
  for (const target of new Set([name, ...policies.map((policy) => policy.target)])) {
    const row = (await store.readTarget(target)).record?.value;
    if (row === undefined) continue;
    if (keptReleases(row, retention).some((kept) => kept.image === image) || (await isUnderWay(store, row)))
      return true;
  }
  return false;
}

/**
 * A former stable image is locked. Between unlocking and deleting every target is read again: if the image is needed
 * meanwhile it is locked again, and if that happens later still, its lock refuses the deletion.
 */
async function removeImage(
  dependencies: RemoveDependencies,
  name: string,
  image: string,
  signal: AbortSignal,
): Promise<void> {
  const { images } = dependencies;
  const { repository, digest } = splitImage(image);
  if ((await images.remove(repository, digest, signal)) !== "locked") return;
  await images.unlock(repository, digest, signal);
  if (await isNeeded(dependencies, name, image)) await images.lock(repository, digest, signal);
  else await images.remove(repository, digest, signal);
}
