import { canonicalJson } from "../domain/digest.ts";
import { InvalidManifestError } from "../domain/manifest.ts";
import type { ModelVersion } from "../domain/model.ts";
import type { TargetPolicy } from "../domain/policy.ts";
import type { Release } from "../domain/release.ts";
import { renderRelease } from "../domain/render-release.ts";
import { keptRelease, type StableRelease, type Target } from "../domain/target.ts";
import type { BuildDependencies } from "./build.ts";
import { imageNamesOf } from "./image-names.ts";
import { lockImage } from "./lock-image.ts";
import { servedKinds } from "./served-kinds.ts";

export type KeptDependencies = Pick<
  BuildDependencies,
  "store" | "images" | "openCluster" | "readTemplate" | "readManifests"
>;

/** What a kept release is looked for. */
export interface Wish {
  target: Target;
  model: ModelVersion;
  policy: TargetPolicy;
  policyId: string;
}

export interface Kept {
  stable: StableRelease;
  release: Release;
}

/**
 * The release of this very version that was proven here before, where building it now would come to the same: the same
 * policy, template, base manifests and kinds that the cluster knows. Nothing is changed. Undefined: there is none.
 */
export async function findKept(
  dependencies: KeptDependencies,
  wish: Wish,
  signal: AbortSignal,
): Promise<Kept | undefined> {
  const stable = keptRelease(wish.target, wish.model, wish.policyId);
  if (stable === undefined) return undefined;
  const bundle = await dependencies.store.readBundle(wish.target.name, "release", stable.releaseId);
  if (bundle === undefined) return undefined;
  const release = JSON.parse(bundle) as Release;
  return (await isStillRendered(dependencies, wish, release, signal)) ? { stable, release } : undefined;
}

async function isStillRendered(
  { images, openCluster, readTemplate, readManifests }: KeptDependencies,
  { model, policy }: Wish,
  release: Release,
  signal: AbortSignal,
): Promise<boolean> {
  const { repository, tag } = imageNamesOf(model, policy, await readTemplate(policy));
  const digest = await images.digestOf(repository, tag, signal);
  if (`${images.loginServer}/${repository}@${digest}` !== release.image) return false;
  const base = await readManifests(policy);
  const served = await servedKinds(openCluster, policy, base, signal);
  try {
    return renderRelease(base, policy, model, release.image, release.samples, served).id === release.id;
  } catch (error) {
    // What cannot be rendered any more is for the build to say.
    if (error instanceof InvalidManifestError) return false;
    throw error;
  }
}

/** The kept release, made safe from retention: put again, and its image locked and then looked for. */
export async function takeKept(
  dependencies: KeptDependencies,
  wish: Wish,
  signal: AbortSignal,
): Promise<StableRelease | undefined> {
  const kept = await findKept(dependencies, wish, signal);
  if (kept === undefined) return undefined;
  const { stable, release } = kept;
  await dependencies.store.putBundle(wish.target.name, "release", stable.releaseId, canonicalJson(release));
  return (await lockImage(dependencies.images, stable.image, signal)) ? stable : undefined;
}
