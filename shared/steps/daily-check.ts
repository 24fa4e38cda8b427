import { compareRunning } from "../domain/daily-check.ts";
import { hasEnded } from "../domain/deployment.ts";
import { describeChange } from "../domain/difference.ts";
import { PermanentError } from "../domain/errors.ts";
import type { CheckMessage, PruneMessage } from "../domain/owed.ts";
import type { TargetPolicy } from "../domain/policy.ts";
import type { Release } from "../domain/release.ts";
import type { StableRelease, Target } from "../domain/target.ts";
import type { Clock } from "../ports/clock.ts";
import type { Cluster, ClusterAccess, OpenCluster } from "../ports/cluster.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import type { MessageBus } from "../ports/message-bus.ts";
import type { Log } from "../ports/telemetry.ts";
import { comparePreviews } from "./drift.ts";
import type { ReadPolicy } from "./step.ts";
import { readRelease } from "./stored-release.ts";
import { lookAtRelease, NOTHING_MEASURED } from "./verify-release.ts";

export interface DailyCheckDependencies {
  store: DeploymentStore;
  bus: MessageBus;
  openCluster: OpenCluster;
  readPolicy: ReadPolicy;
  policies: readonly TargetPolicy[];
  clock: Clock;
  log: Log;
}

const VISIT_MS = 240_000;
/** A target that does not serve well at one look is looked at again before anybody is told. */
const MAX_LOOKS = 3;
const NEXT_LOOK_MS = 30_000;
/** Differences that one report names. */
const MAX_FINDINGS = 20;

/** Asks for a look at every target of the policy. */
export function createDailyCheck({ store, bus, policies, log }: Omit<DailyCheckDependencies, "readPolicy">) {
  return async (): Promise<void> => {
    const errors: unknown[] = [];
    // One target's trouble keeps no other from its look.
    for (const { target } of policies) await askFor(target).catch((error: unknown) => errors.push(error));
    const targets = policies.length - errors.length;
    log("info", "daily-check.asked", { name: "Daily deployment check", targets, failed: errors.length });
    if (errors.length > 0) throw errors[0];
  };

  async function askFor(target: string): Promise<void> {
    const { now } = await store.readTarget(target);
    const day = new Date(now).toISOString().slice(0, 10);
    const body: CheckMessage = { target, look: "daily-check", day, looks: 0 };
    await bus.send([{ queue: "verify", id: idOf(body), body }]);
  }
}

function idOf({ target, day, looks }: CheckMessage): string {
  return `${target}/daily-check/${day}/${looks}`;
}

/**
 * One look: what runs against what is recorded, then a probe and test predictions. Nothing is changed, whatever it finds;
 * people are told once a day.
 * @throws TransientError, PermanentError
 */
export function createCheckLook(dependencies: DailyCheckDependencies) {
  const { store, bus, clock } = dependencies;
  return async (message: CheckMessage): Promise<void> => {
    const { now, record } = await store.readTarget(message.target);
    const target = record?.value;
    if (target?.stable === undefined || (await isUnderWay(store, target))) return;
    await pruneOnceMore(bus, message, target);
    const findings = await examine(dependencies, target, target.stable, now, clock.timeout(VISIT_MS)).catch(asFinding);
    const next = { ...message, looks: message.looks + 1 };
    if (findings.length > 0 && next.looks < MAX_LOOKS)
      await bus.send([{ queue: "verify", id: idOf(next), body: next, at: now + NEXT_LOOK_MS }]);
    else await tell(dependencies, message, findings, now);
  };
}

/** What will not mend by itself is told, like everything else that is wrong. */
function asFinding(error: unknown): readonly string[] {
  if (error instanceof PermanentError) return [error.message];
  throw error;
}

/** The report first, then who is told of it. */
async function tell(
  { store, bus, policies, log }: DailyCheckDependencies,
  { target, day }: CheckMessage,
  findings: readonly string[],
  now: number,
): Promise<void> {
  await store.saveReport({ target, day, at: now, findings });
  log(findings.length === 0 ? "info" : "error", "daily-check.found", { target, findings });
  if (findings.length === 0) return;
  const notify = policies.find((policy) => policy.target === target)?.notify ?? [];
  const messages = notify.map((notifier) => ({
    queue: "notify",
    id: `${target}/daily-check/${day}/${notifier}`,
    body: { target, report: day, notifier },
  }));
  await bus.send(messages);
}

/** A worker that froze for longer than the last look after an ending may have made something since. */
async function pruneOnceMore(bus: MessageBus, { target, day }: CheckMessage, { changedBy }: Target): Promise<void> {
  if (changedBy === undefined) return;
  const body: PruneMessage = { target, generation: changedBy, sequence: 0, look: "prune" };
  await bus.send([{ queue: "rollback", id: `${target}.${changedBy}/daily-check/${day}/prune`, body }]);
}

/** A deployment under way compares and verifies by itself. */
async function isUnderWay(store: DeploymentStore, { name, active }: Target): Promise<boolean> {
  const read = active === undefined ? undefined : await store.readDeployment(name, active);
  return read !== undefined && !hasEnded(read.value);
}

async function examine(
  { store, openCluster, readPolicy }: DailyCheckDependencies,
  target: Target,
  stable: StableRelease,
  now: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const release = await readRelease(store, target.name, stable.releaseId);
  const policy = await readPolicy(target.name, stable.policyId);
  const access = await openCluster(policy);
  const { cluster } = access;
  const workload = await cluster.workload(release.workload, signal);
  const objects = await readObjects(cluster, release, signal);
  const different = compareRunning({ target, release, objects, template: workload?.template });
  const found = different.length > 0 ? different : await driftOf(access, release, signal);
  return found.length > 0 ? found : await probe(access, release, policy, now, signal);
}

/** Field by field, for as many as a notification can hold. */
async function driftOf(access: ClusterAccess, release: Release, signal: AbortSignal): Promise<readonly string[]> {
  const objects = await comparePreviews(access.previewer, release, undefined, signal);
  return objects
    .flatMap((object) => [...describeChange(object), ...(object.conflict === undefined ? [] : [object.conflict])])
    .slice(0, MAX_FINDINGS);
}

function readObjects(cluster: Cluster, { hashed, fixed }: Release, signal: AbortSignal) {
  return Promise.all(
    [...hashed, ...fixed].map(async (object) => {
      const seen = await cluster.read(object, signal);
      const token = seen === undefined ? ("absent" as const) : seen.token;
      return { name: `${object.kind} ${object.metadata.name}`, token };
    }),
  );
}

/** One healthy look and one round of predictions; what is wrong, in words. */
async function probe(
  access: ClusterAccess,
  release: Release,
  { verify, ...policy }: TargetPolicy,
  now: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const once = { ...policy, verify: { ...verify, health: { ...verify.health, attempts: 1, successes: 1 } } };
  const health = await lookAtRelease(access, release, once, NOTHING_MEASURED, now, signal);
  if (health.kind === "refuted") return [health.problem.message];
  const look = await lookAtRelease(access, release, once, health.work, now, signal);
  if (look.kind === "proven") return [];
  return [look.kind === "refuted" ? look.problem.message : look.found];
}
