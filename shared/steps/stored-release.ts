import { PermanentError } from "../domain/errors.ts";
import type { Release } from "../domain/release.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";

/** Releases that a worker has read, by the store it read them from; looks come in quick succession. */
const known = new WeakMap<DeploymentStore, Map<string, Release>>();
const MAX_KNOWN = 20;

/** A release as it was stored; its id is its content's hash, so it is what was verified. */
export async function readRelease(store: DeploymentStore, target: string, id: string): Promise<Release> {
  const releases = known.get(store) ?? new Map<string, Release>();
  known.set(store, releases);
  const key = `${target}/${id}`;
  const release = releases.get(key) ?? (await readStored(store, target, id));
  // The one that was read last comes last, and the one that was not read for longest goes first.
  releases.delete(key);
  releases.set(key, release);
  const [oldest] = releases.keys();
  if (releases.size > MAX_KNOWN && oldest !== undefined) releases.delete(oldest);
  return release;
}

async function readStored(store: DeploymentStore, target: string, id: string): Promise<Release> {
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
