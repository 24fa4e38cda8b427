import { keptRelease, type StableRelease } from "../domain/target.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import type { ImageRegistry } from "../ports/image-registry.ts";
import { lockImage } from "./lock-image.ts";
import type { Visiting } from "./step.ts";

/**
 * A release of this very version that was proven here before and is still whole: stored, and its image locked in the
 * registry. Undefined: there is none, and it is built.
 */
export async function findKept(
  { store, images }: { store: DeploymentStore; images: ImageRegistry },
  { deployment, target, signal }: Visiting,
): Promise<StableRelease | undefined> {
  const kept = keptRelease(target, deployment.model, deployment.policyId);
  if (kept === undefined) return undefined;
  const bundle = await store.readBundle(target.name, "release", kept.releaseId);
  if (bundle === undefined) return undefined;
  // Put again, as if it were rendered now: retention leaves alone what it has not seen.
  await store.putBundle(target.name, "release", kept.releaseId, bundle);
  return (await lockImage(images, kept.image, signal)) ? kept : undefined;
}
