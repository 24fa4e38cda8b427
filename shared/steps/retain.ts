import * as z from "zod";
import { type Deployment, deploymentId, hasEnded } from "../domain/deployment.ts";
import type { Retention, TargetPolicy } from "../domain/policy.ts";
import type { Clock } from "../ports/clock.ts";
import type { DeploymentStore, Listed } from "../ports/deployment-store.ts";
import type { ImageBuilder } from "../ports/image-builder.ts";
import type { ImageRegistry } from "../ports/image-registry.ts";
import type { Log } from "../ports/telemetry.ts";
import { forgetRuns } from "./build-attempts.ts";
import { removeRelease } from "./remove-release.ts";

export interface RetainDependencies {
  store: DeploymentStore;
  images: ImageRegistry;
  builder: ImageBuilder;
  retention: Retention;
  policies: readonly TargetPolicy[];
  clock: Clock;
  log: Log;
}

/** What one tick removed. */
export interface RetainReport {
  looked: number;
  taskRuns: number;
  releases: number;
}

/** What is removed of one ended deployment: how many things. */
type Remove = (deployment: Deployment, signal: AbortSignal) => Promise<number>;

/** Deployments one tick looks at, of each kind. */
const BUDGET = 50;
const VISIT_MS = 60_000;
const DAY_MS = 86_400_000;

/**
 * Removes task runs and releases whose time is over, a day of deployments after the other, in small portions; the next
 * tick goes on from there. What is stable, was among the last stable ones, or is under way is never touched.
 */
export function createRetain(dependencies: RetainDependencies): () => Promise<RetainReport> {
  const { store, builder, retention } = dependencies;
  return async () => {
    const taskRuns = await portion(dependencies, "task-runs", retention.taskRunSeconds, (deployment, signal) =>
      forgetRuns({ store, builder }, deployment, signal),
    );
    const releases = await portion(dependencies, "releases", retention.releaseSeconds, (deployment, signal) =>
      removeRelease(dependencies, deployment, signal),
    );
    return { looked: taskRuns.looked + releases.looked, taskRuns: taskRuns.removed, releases: releases.removed };
  };
}

const place = z.object({
  day: z.string(),
  after: z.object({ target: z.string(), generation: z.number() }).exactOptional(),
});
type Place = z.infer<typeof place>;

async function portion(
  dependencies: RetainDependencies,
  kind: string,
  keptSeconds: number,
  remove: Remove,
): Promise<{ looked: number; removed: number }> {
  const { store, clock } = dependencies;
  const name = `retention:${kind}`;
  const note = await store.readNote(name);
  // For the table's clock alone: there is no target of this name.
  const { now } = await store.readTarget(name);
  const last = dayOf(now - keptSeconds * 1000);
  // A first tick begins with the day whose time ends now: nothing is older.
  let at: Place = place.safeParse(note?.value).data ?? { day: last };
  const done = { looked: 0, removed: 0 };
  const signal = clock.timeout(VISIT_MS);
  // The day on which the time ends is not over yet.
  while (at.day < last && done.looked < BUDGET && !signal.aborted) {
    const page = await store.listDay(at.day, BUDGET - done.looked, at.after);
    for (const listed of page) done.removed += await handle(dependencies, listed, remove, signal);
    done.looked += page.length;
    const end = page.at(-1);
    at = end === undefined ? { day: dayOf(Date.parse(at.day) + DAY_MS) } : { day: at.day, after: end };
  }
  if (JSON.stringify(at) !== JSON.stringify(note?.value)) await store.saveNote(name, at, note?.etag);
  return done;
}

function dayOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}

/** What cannot be removed now is left behind: a tick must come to its end, and nothing depends on it. */
async function handle(
  { store, log }: RetainDependencies,
  listed: Listed,
  remove: Remove,
  signal: AbortSignal,
): Promise<number> {
  try {
    const deployment = (await store.readDeployment(listed.target, listed.generation))?.value;
    if (deployment === undefined || !hasEnded(deployment)) return 0;
    const removed = await remove(deployment, signal);
    if (removed > 0) log("info", "retention.removed", { deployment: deploymentId(deployment), removed });
    return removed;
  } catch (error) {
    const reason = error instanceof Error ? error.message : "unknown";
    log("warn", "retention.failed", { deployment: deploymentId(listed), reason });
    return 0;
  }
}
