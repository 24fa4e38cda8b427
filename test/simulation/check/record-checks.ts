import { type Deployment, deploymentId, type Ended, hasBegun, hasEnded, type VerifyWork } from "../../../shared/domain/deployment.ts";
import { identityKey } from "../../../shared/domain/model.ts";
import type { Evidence } from "./checks.ts";
import type { Transaction } from "./records.ts";

const MAX_EXTENSION_MS = 24 * 3_600_000;
/** Foreign hands make what runs differ from what Belay did. */
const FOREIGN = ["foreign-edit", "foreign-delete", "autoscaled"] as const;

/** What must hold for every save of a record. */
export function checkRecord(
  evidence: Evidence,
  transaction: Transaction,
  before: Deployment | undefined,
  after: Deployment,
): void {
  const { fail } = evidence;
  const id = deploymentId(after);
  if (before === undefined) checkAccepted(evidence, transaction, after);
  else {
    if (hasEnded(before)) fail("I3", `${id} was saved again after its ending ${before.phase}`);
    if (after.sequence !== before.sequence + 1)
      fail("I3", `${id} went from save ${before.sequence} to ${after.sequence}`);
  }
  if (after.phase === "Running") checkRunning(evidence, transaction, before, after);
  if (hasEnded(after)) checkEnded(evidence, transaction, before, after);
}

function checkAccepted(evidence: Evidence, { target, record }: Transaction, after: Deployment): void {
  const { fail, records, registry, written, scheduler, start } = evidence;
  const id = deploymentId(after);
  if (record === undefined) fail("I9", `${id} was accepted without the target's row`);
  const newest = Math.max(0, ...(records.get(target)?.keys() ?? []));
  if (after.generation <= newest) fail("I5", `${id} is not newer than generation ${newest}`);
  if (after.generation < Math.floor(start / 1000) - 600)
    fail("I5", `${id} starts below the epoch second: a lost table would fall behind the cluster`);
  if (after.sequence !== 1) fail("I3", `${id} begins with save ${after.sequence}`);
  // The registry's word must have been heard after the target was what this transaction took it for.
  const since = written.get(target) ?? 0;
  const version = after.model.status === "MISSING" ? undefined : after.model.version;
  const heard = registry.said().some((said) => said.at >= since && said.version === version);
  if (!heard)
    fail("I6", `${id} took version ${version ?? "none"}, which the registry has not named since the target was written ${(scheduler.now() - since) / 1000} s ago`);
  // A registry that contradicts itself may make two of one promotion, never two of one version.
  const twin = [...(records.get(target)?.values() ?? [])].find(
    ({ promotion, model }) => promotion.id === after.promotion.id && identityKey(model) === identityKey(after.model),
  );
  if (twin !== undefined) fail("I2", `promotion ${after.promotion.id} became ${deploymentId(twin)} and ${id}`);
}

function checkRunning(
  { fail, targets }: Evidence,
  { target, record }: Transaction,
  before: Deployment | undefined,
  after: Extract<Deployment, { phase: "Running" }>,
): void {
  const id = deploymentId(after);
  if (after.extended > MAX_EXTENSION_MS) fail("I8", `${id} was given ${after.extended} ms for gaps`);
  if (before?.phase === "Running") return;
  const now = record?.after ?? targets.get(target);
  if (now?.hold !== undefined) fail("I6", `${id} starts although the target is held`);
  const entry = now?.quarantine.find(({ model }) => identityKey(model) === identityKey(after.model));
  if (entry !== undefined && after.promotion.wishedAt <= entry.endedAt)
    fail("I6", `${id} starts a version that failed after it was wished for`);
}

function checkEnded(
  evidence: Evidence,
  transaction: Transaction,
  before: Deployment | undefined,
  after: Ended,
): void {
  const { fail } = evidence;
  const id = deploymentId(after);
  switch (after.phase) {
    case "Succeeded":
      return checkSucceeded(evidence, transaction, after);
    case "RolledBack":
      return checkRolledBack(evidence, transaction, after);
    case "Superseded":
      if (hasBegun(after) || (before?.phase === "Running" && ["rollout", "verify", "rollback"].includes(before.step) && hasBegun(before)))
        fail("I2", `${id} was superseded after its first change`);
      return;
    case "Rejected":
      if (after.problem.kind === "errored") fail("I3", `${id} ended Rejected, and nobody could find out why`);
      return;
    default:
      return;
  }
}

function checkSucceeded(evidence: Evidence, { target }: Transaction, after: Ended): void {
  const { fail, plan, excuses, builds, cluster } = evidence;
  const id = deploymentId(after);
  const { version } = after.model;
  const fate = plan.fates[version];
  if (fate !== undefined && (fate.build === "broken" || ["crash", "wrong", "unhealthy", "stuck"].includes(fate.pods)))
    fail("I4", `${id} succeeded with version ${version}, which is ${fate.build === "broken" ? "not to be built" : fate.pods}`);
  const policy = plan.policies.find((one) => one.target === target);
  if (policy === undefined) return;
  checkEvidence(evidence, id, after.work.verify, policy.verify.predictions.count, policy.verify.health.successes);
  const image = after.serving?.image ?? "";
  if (builds.versionOf(image) !== version) fail("I4", `${id} names ${image} as what serves, which is of another version`);
  if (FOREIGN.some((kind) => excuses.get(target)?.has(kind))) return;
  if (!cluster.serving(policy.namespace, policy.workload).has(image))
    fail("I4", `${id} succeeded, and its image does not serve`);
}

function checkRolledBack(evidence: Evidence, { target }: Transaction, after: Ended): void {
  const { fail, targets, plan, excuses, cluster } = evidence;
  const id = deploymentId(after);
  const stable = targets.get(target)?.stable;
  const policy = plan.policies.find((one) => one.target === target);
  if (stable === undefined || policy === undefined) return fail("I4", `${id} was rolled back to nothing`);
  checkEvidence(evidence, id, after.work.rollback?.verify, policy.verify.predictions.count, policy.verify.health.successes);
  if (FOREIGN.some((kind) => excuses.get(target)?.has(kind))) return;
  const serving = [...cluster.serving(policy.namespace, policy.workload).keys()];
  if (!serving.includes(stable.image)) fail("I4", `${id} was rolled back, and the stable image does not serve`);
}

/** A verdict can be recomputed from what is kept with the record. */
function checkEvidence({ fail }: Evidence, id: string, work: VerifyWork | undefined, predictions: number, successes: number): void {
  const health = work?.health.slice(-successes) ?? [];
  if (health.length < successes || health.some(({ phase }) => phase !== "Successful"))
    fail("I4", `${id} was taken for proven without ${successes} healthy looks in a row`);
  const made = work?.predictions ?? [];
  if (made.length < predictions || made.some(({ phase }) => phase !== "Successful"))
    fail("I4", `${id} was taken for proven without ${predictions} right predictions`);
}
