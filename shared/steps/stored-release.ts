import { PermanentError } from "../domain/errors.ts";
import type { Release } from "../domain/release.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";

/** A release as it was stored; its id is its content's hash, so it is what was verified. */
export async function readRelease(store: DeploymentStore, target: string, id: string): Promise<Release> {
  const text = await store.readBundle(target, "release", id);
  if (text === undefined)
    throw new PermanentError("stable-lost", `The release ${id.slice(0, 12)} is not in the table.`);
  return JSON.parse(text) as Release;
}

/** Splits `registry/repository@digest`. */
export function splitImage(image: string): { repository: string; digest: string } {
  const at = image.indexOf("@");
  return { repository: image.slice(image.indexOf("/") + 1, at), digest: image.slice(at + 1) };
}
