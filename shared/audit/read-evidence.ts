import { type Deployment, hasEnded } from "../domain/deployment.ts";
import type { TargetPolicy } from "../domain/policy.ts";
import { describePointer } from "../domain/promotion.ts";
import type { Clock } from "../ports/clock.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import type { ImageBuilder } from "../ports/image-builder.ts";
import type { ModelRegistry } from "../ports/model-registry.ts";
import type { BuildEvidence, DeploymentEvidence, Evidence, PointerEvidence, TargetEvidence } from "./evidence.ts";
import { type PlaceSources, readPlace } from "./read-place.ts";

/** What the audit reads; it changes nothing. */
export interface EvidenceSources extends PlaceSources {
  store: DeploymentStore;
  registry: ModelRegistry;
  builder: ImageBuilder;
  policies: readonly TargetPolicy[];
  clock: Clock;
}

/** Deployments of one target that are read at the most, the newest. */
const MAX_DEPLOYMENTS = 1_000;
/** Deployments whose history is read at the same time. */
const AT_ONCE = 8;
/** The calls about one target end after this. */
const LIMIT_MS = 120_000;

/**
 * One look at every target of the policy.
 * @throws TransientError, PermanentError: what cannot be read is not assumed.
 */
export async function readEvidence(sources: EvidenceSources): Promise<Evidence> {
  const targets: TargetEvidence[] = [];
  let now = 0;
  for (const policy of sources.policies) {
    const read = await readTarget(sources, policy);
    targets.push(read.evidence);
    now = Math.max(now, read.now);
  }
  return { now, targets };
}

async function readTarget(sources: EvidenceSources, policy: TargetPolicy) {
  const { store, clock } = sources;
  const { target } = policy;
  const signal = clock.timeout(LIMIT_MS);
  const { now, record } = await store.readTarget(target);
  const records = await store.listOfTarget(target, MAX_DEPLOYMENTS);
  const evidence: TargetEvidence = {
    target,
    mayServeUnproven: policy.firstFailure === "keep",
    ...(record === undefined ? {} : { record: record.value }),
    pointer: await readPointer(sources, policy, signal),
    deployments: await inTurn(records, (one) => readDeployment(store, one)),
    builds: await readBuilds(sources.builder, records, signal),
    ...(await readPlace(sources, policy, record?.value, signal)),
  };
  return { now, evidence };
}

async function inTurn<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<readonly R[]> {
  const done: R[] = [];
  for (let at = 0; at < all.length; at += AT_ONCE)
    done.push(...(await Promise.all(all.slice(at, at + AT_ONCE).map(work))));
  return done;
}

async function readPointer(
  { registry }: EvidenceSources,
  { model, pointer }: TargetPolicy,
  signal: AbortSignal,
): Promise<PointerEvidence> {
  const described = `${describePointer(pointer)} of ${model}`;
  const found = await registry.resolve(model, pointer, signal);
  if (found === undefined) return { described };
  return { described, found: { name: found.name, version: found.version, createdAt: found.createdAt } };
}

async function readDeployment(store: DeploymentStore, record: Deployment): Promise<DeploymentEvidence> {
  const { target, generation } = record;
  const [history, told] = await Promise.all([
    store.readVisits(target, generation),
    hasEnded(record) ? store.readDone(target, generation) : undefined,
  ]);
  return { record, history, ...(told === undefined ? {} : { told }) };
}

/** Task runs of the build keys that came to a second attempt; of the others there is one. */
async function readBuilds(
  builder: ImageBuilder,
  records: readonly Deployment[],
  signal: AbortSignal,
): Promise<readonly BuildEvidence[]> {
  const names = new Map<string, string[]>();
  for (const { work } of records) {
    const { key, attempt, taskRun } = work.build ?? {};
    if (key === undefined || attempt === undefined || taskRun === undefined || attempt < 2) continue;
    const stem = taskRun.slice(0, taskRun.lastIndexOf("-"));
    names.set(
      key,
      Array.from({ length: attempt }, (_, index) => `${stem}-${index + 1}`),
    );
  }
  return inTurn([...names], async ([key, runs]) => {
    const states = await inTurn(runs, async (name) => ({ name, state: await builder.look(name, signal) }));
    return { key, succeeded: states.flatMap(({ name, state }) => (state.kind === "succeeded" ? [name] : [])) };
  });
}
