import type { Deployment } from "../domain/deployment.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import type { ImageBuilder } from "../ports/image-builder.ts";

/** 5 to 50 characters of a-z, 0-9 and dash; a failed task run never runs again, so each attempt has its own. */
export function taskRunName(key: string, attempt: number): string {
  return `belay-${key}-${attempt}`;
}

/** No deployment looks at this attempt again; the next one gets its source anew, for the store keeps none for ever. */
export async function moveOn(store: DeploymentStore, key: string, attempt: number): Promise<void> {
  const known = await store.readBuild(key);
  if (known !== undefined && known.value.attempt <= attempt)
    await store.saveBuild({ key, attempt: attempt + 1 }, known.etag);
}

/** Removes the task runs of an ended deployment's build, after no later one can look at them; how many names. */
export async function forgetRuns(
  { store, builder }: { store: DeploymentStore; builder: ImageBuilder },
  { work }: Deployment,
  signal: AbortSignal,
): Promise<number> {
  const { key, attempt = 0 } = work.build ?? {};
  if (key === undefined || attempt === 0) return 0;
  await moveOn(store, key, attempt);
  for (let one = 1; one <= attempt; one++) await builder.remove(taskRunName(key, one), signal);
  return attempt;
}
