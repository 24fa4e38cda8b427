import {
  type Deployment,
  deploymentId,
  type Ended,
  hasBegun,
  hasEnded,
  type Running,
  type VerifyWork,
} from "../../../shared/domain/deployment.ts";
import { canonicalJson, sha256 } from "../../../shared/domain/digest.ts";
import { identityKey } from "../../../shared/domain/model.ts";
import { PIPELINE } from "../../../shared/domain/pipeline.ts";
import { ANNOTATIONS, LABELS } from "../../../shared/domain/release.ts";
import { parseToken } from "../../../shared/domain/token.ts";
import type { Visit } from "../../../shared/domain/visit.ts";
import type { Evidence } from "./checks.ts";
import { readRow, type Transaction } from "./records.ts";

const MAX_EXTENSION_MS = 24 * 3_600_000;
/** What the guard lets through, 1.5 s, and some. */
const EARLY_MS = 2_000;
/** Two workers whose clocks are off guess at the table's time, each up to a second ahead. */
const GUESSES_MS = 1_500;
const LATE_MS = 10_000;
/** So long without a visit is a gap, whatever its slack. */
const GAP_MS = 300_000;
/** Endings of kind failed that say nothing of the model and may be over. */
const MAY_BE_MENDED: ReadonlySet<string> = new Set([
  "held",
  "pointer-moved",
  "version-missing",
  "version-not-ready",
  "stable-lost",
]);
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
  const visit = visitThatLedTo(transaction, after);
  if (visit === undefined) fail("I3", `${id}/${after.sequence} was saved without an entry in the history`);
  else checkVisit(evidence, visit, after);
  if (before === undefined) checkAccepted(evidence, transaction, after);
  else checkSaved(evidence, before, after);
  if (after.phase === "Running") checkRunning(evidence, transaction, before, after);
  if (hasEnded(after)) checkEnded(evidence, transaction, before, after);
}

function visitThatLedTo({ visits }: Transaction, { generation, sequence }: Deployment): Visit | undefined {
  return visits.find((visit) => visit.generation === generation && visit.sequence === sequence);
}

/** Errors are counted by step, and nothing goes on past its deadline by the table's clock. */
function checkVisit({ fail, errors }: Evidence, { step, result, at }: Visit, after: Deployment): void {
  const id = deploymentId(after);
  const key = `${id}|${step}`;
  if (result === "errored") errors.set(key, (errors.get(key) ?? 0) + 1);
  if (after.phase !== "Running" || after.step !== step) return;
  if ((errors.get(key) ?? 0) > PIPELINE[after.step].errorsBorne)
    fail("I8", `${id} goes on with ${step} after ${errors.get(key)} errors`);
  if (at >= after.deadline) fail("I8", `${id} goes on with ${step} ${at - after.deadline} ms after its deadline`);
}

function checkAccepted(evidence: Evidence, { target, record }: Transaction, after: Deployment): void {
  const { fail, records, registry, written, scheduler, start, targets, policyById, policies } = evidence;
  const id = deploymentId(after);
  for (const policy of policies) policyById.set(sha256(canonicalJson(policy)), policy);
  if (record === undefined) fail("I9", `${id} was accepted without the target's row`);
  const newest = Math.max(0, ...(records.get(target)?.keys() ?? []));
  if (after.generation <= newest) fail("I5", `${id} is not newer than generation ${newest}`);
  if (after.generation < Math.floor(start / 1000) - 600)
    fail("I5", `${id} starts below the epoch second: a lost table would fall behind the cluster`);
  if (after.sequence !== 1) fail("I3", `${id} begins with save ${after.sequence}`);
  checkFound(evidence, after);
  // The registry's word must have been heard after the target was what this transaction took it for.
  const since = written.get(target) ?? 0;
  const version = after.model.status === "MISSING" ? undefined : after.model.version;
  if (!registry.said().some((said) => said.at >= since && said.version === version))
    fail(
      "I6",
      `${id} took version ${version ?? "none"}, which the registry has not named since the target was written ${(scheduler.now() - since) / 1000} s ago`,
    );
  // A registry that changes its word may make two of one promotion; what is wanted already is not taken twice.
  const twin = [...(records.get(target)?.values() ?? [])].find(
    ({ promotion, model }) => promotion.id === after.promotion.id && identityKey(model) === identityKey(after.model),
  );
  const wanted = targets.get(target)?.wanted;
  if (twin !== undefined && wanted !== undefined && identityKey(wanted.model) === identityKey(after.model))
    fail("I2", `promotion ${after.promotion.id} became ${deploymentId(twin)} and ${id}`);
  if (after.phase !== "Rejected" || after.problem.code !== "quarantined") return;
  const entry = targets.get(target)?.quarantine.find(({ model }) => identityKey(model) === identityKey(after.model));
  if (entry === undefined || after.promotion.wishedAt > entry.endedAt)
    fail("I6", `${id} was refused for quarantine although it was wished for after the version had failed`);
}

/** Whom the sweep finds, and who may be asked for again. */
function checkFound({ fail, table, records }: Evidence, after: Deployment): void {
  const id = deploymentId(after);
  const hints = table.rows("open").map((row) => readRow<{ target: string; generation: number }>(row));
  if (!hints.some((hint) => hint?.target === after.target && hint.generation === after.generation))
    fail("I1", `${id} was accepted, and no sweep would find it`);
  const { origin } = after.promotion;
  const former = origin.kind === "retry" ? records.get(after.target)?.get(origin.of) : undefined;
  if (former === undefined || !hasEnded(former) || former.phase === "Succeeded") return;
  const { kind, code } = former.cause ?? former.problem;
  if (kind === "failed" && !MAY_BE_MENDED.has(code))
    fail("I1", `${id} was asked for again, and ${deploymentId(former)} had failed: ${code}`);
}

function checkSaved({ fail, scheduler, workers, plan }: Evidence, before: Deployment, after: Deployment): void {
  const id = deploymentId(after);
  const earlyMs = plan.skews.every((skew) => skew === 0) ? EARLY_MS : EARLY_MS + GUESSES_MS;
  if (hasEnded(before)) fail("I3", `${id} was saved again after its ending ${before.phase}`);
  if (after.sequence !== before.sequence + 1)
    fail("I3", `${id} went from save ${before.sequence} to ${after.sequence}`);
  const task = /^(\S+) \S+\.(\d+)\/(\d+)(?:\/(?:retry|sweep|early|waiting)-\S*)*$/.exec(workers.current() ?? "");
  if (task === null || Number(task[2]) !== after.generation) return;
  if (Number(task[3]) !== before.sequence)
    fail("I2", `${id}/${before.sequence} was visited for a message of save ${task[3]}`);
  if (before.phase === "Running" && scheduler.now() < before.resumeAt - earlyMs)
    fail("I8", `${id} was visited ${Math.round((before.resumeAt - scheduler.now()) / 1000)} s before its time`);
}

function checkRunning(
  evidence: Evidence,
  { target, record }: Transaction,
  before: Deployment | undefined,
  after: Running,
): void {
  const { fail, targets, scheduler } = evidence;
  const id = deploymentId(after);
  const now = record?.after ?? targets.get(target);
  if (after.extended > MAX_EXTENSION_MS) fail("I8", `${id} was given ${after.extended} ms for gaps`);
  if (after.transientErrors > PIPELINE[after.step].errorsBorne)
    fail("I8", `${id} bears ${after.transientErrors} errors in ${after.step}`);
  if (after.resumeAt > Math.max(after.deadline, scheduler.now()) + LATE_MS)
    fail("I8", `${id} is looked at again long after its deadline`);
  if (hasBegun(after) && now?.changedBy !== after.generation)
    fail("I5", `${id} changes the cluster, and the target does not remember whose tokens stand there`);
  if (before?.phase === "Running") return checkStep(evidence, target, before, after);
  if (now?.hold !== undefined) fail("I6", `${id} starts although the target is held`);
  const entry = now?.quarantine.find(({ model }) => identityKey(model) === identityKey(after.model));
  if (entry !== undefined && after.promotion.wishedAt <= entry.endedAt)
    fail("I6", `${id} starts a version that failed after it was wished for`);
}

/** One visit may have begun in time and frozen since. */
function checkOverdue({ fail, overdue }: Evidence, what: string): void {
  if (overdue.has(what)) fail("I8", `${what} past its deadline`);
  overdue.add(what);
}

function checkStep(evidence: Evidence, target: string, before: Running, after: Running): void {
  const { scheduler } = evidence;
  const id = deploymentId(after);
  if (before.step === after.step) {
    if (scheduler.now() > after.deadline + LATE_MS) checkOverdue(evidence, `${id} goes on with ${after.step}`);
    if (!hasBegun(before) && hasBegun(after)) checkWayBack(evidence, target, id);
    return;
  }
  if (after.step === "rollout") checkBuilt(evidence, after);
  if (after.step === "verify") checkRolledOut(evidence, target, after);
  if (after.step === "rollback") checkTurned(evidence, target, before, after);
  if (after.step === "rollback") evidence.turned.set(id, after.sequence);
}

/** Going back is possible now: the stable image was locked, and then looked for. */
function checkWayBack(
  { fail, targets, builds, locked, lookedFor, workers }: Evidence,
  target: string,
  id: string,
): void {
  const stable = targets.get(target)?.stable;
  if (stable === undefined) return;
  const key = stable.image.slice(stable.image.indexOf("/") + 1);
  if (!builds.images.locked().has(key)) fail("I4", `${id} begins, and the stable image is not locked`);
  const own = `${workers.currentId()}|${key}`;
  if ((lookedFor.get(own) ?? Number.POSITIVE_INFINITY) < (locked.get(own) ?? 0))
    fail("I4", `${id} begins, and the stable image was not looked for after it was locked`);
}

function checkBuilt({ fail, builds, imagesLost }: Evidence, after: Running): void {
  const image = after.work.release?.image ?? "";
  const digest = image.slice(image.indexOf("@") + 1);
  if (builds.images.tagOf(image) === undefined || !image.includes("@sha256:"))
    return fail("I4", `${deploymentId(after)} goes to the cluster without an image that was built`);
  if (imagesLost.has(digest) && !builds.images.has(digest))
    fail("I4", `${deploymentId(after)} goes to the cluster with an image that is not in the registry`);
}

/** No pod of the former release is left. */
function checkRolledOut({ fail, cluster, plan, excuses }: Evidence, target: string, after: Running): void {
  const policy = plan.policies.find((one) => one.target === target);
  if (policy === undefined || (excuses.get(target)?.size ?? 0) > 0) return;
  for (const image of cluster.running(policy.namespace))
    if (image !== after.work.release?.image)
      fail("I4", `${deploymentId(after)} is taken for rolled out, and ${image} still runs`);
}

/** A good version is turned back only for what can be explained. */
function checkTurned(
  { fail, plan, excuses, scheduler }: Evidence,
  target: string,
  before: Running,
  after: Running,
): void {
  const fate = plan.fates[after.model.version];
  if (fate?.pods !== "good" || (excuses.get(target)?.size ?? 0) > 0) return;
  const { kind, code, message } = after.cause ?? { kind: "failed", code: "nothing", message: "" };
  // Nobody was there when it should have been looked at: that is no time of the version's.
  const gap = scheduler.now() - before.resumeAt;
  const granted = gap > GAP_MS && gap + before.extended < MAX_EXTENSION_MS;
  // Where the visit that nobody made was to be the last one, errors before it had used up the time.
  const unseen = code === "timed-out" && granted && before.resumeAt < before.deadline;
  if ((kind === "failed" && code !== "stopped") || unseen)
    fail("I4", `${deploymentId(after)} is a good version and is turned back: ${code} ${message}`);
}

function checkEnded(evidence: Evidence, transaction: Transaction, before: Deployment | undefined, after: Ended): void {
  const { fail } = evidence;
  const id = deploymentId(after);
  checkNext(evidence, transaction, before, after);
  switch (after.phase) {
    case "Succeeded":
      return checkSucceeded(evidence, transaction, after);
    case "RolledBack":
      return checkRolledBack(evidence, transaction, after);
    case "Superseded":
      if (before !== undefined && hasBegun(before)) fail("I2", `${id} was superseded after its first change`);
      return checkReplaced(evidence, transaction, after);
    case "Rejected":
      if (after.problem.kind === "errored") fail("I3", `${id} ended Rejected, and nobody could find out why`);
      return;
    case "RollbackFailed":
      if (transaction.record?.after.hold === undefined)
        fail("I5", `${id} could not be rolled back, and the target is not held`);
      if (after.serving !== undefined)
        fail("I10", `${id} could not be rolled back, and its ending says that ${after.serving.image} serves`);
      return;
    case "Failed":
      return;
    default:
      return after satisfies never;
  }
}

/** The ending of the active one starts the one that waits, in the same transaction. */
function checkNext(
  { fail, targets, records }: Evidence,
  { target, deployments }: Transaction,
  before: Deployment | undefined,
  after: Ended,
): void {
  const former = targets.get(target);
  if (before?.phase !== "Running" || after.phase === "Superseded" || former?.active !== after.generation) return;
  const waiting = records.get(target)?.get(former.waiting ?? -1);
  if (waiting?.phase !== "Waiting") return;
  if (!deployments.some(({ after: one }) => one.generation === waiting.generation))
    fail("I1", `${deploymentId(after)} ended, and ${deploymentId(waiting)} still waits`);
}

/** Only the newest is kept. */
function checkReplaced({ fail }: Evidence, { deployments }: Transaction, after: Ended): void {
  const newer = deployments.some(({ after: one }) => one.generation > after.generation && !hasEnded(one));
  if (!newer) fail("I6", `${deploymentId(after)} was superseded by nothing newer`);
}

function checkSucceeded(evidence: Evidence, { target }: Transaction, after: Ended): void {
  const { fail, plan, excuses, builds, cluster } = evidence;
  const id = deploymentId(after);
  const { version } = after.model;
  const fate = plan.fates[version];
  if (fate !== undefined && (fate.build === "broken" || ["crash", "wrong", "unhealthy", "stuck"].includes(fate.pods)))
    fail(
      "I4",
      `${id} succeeded with version ${version}, which is ${fate.build === "broken" ? "not to be built" : fate.pods}`,
    );
  const policy = plan.policies.find((one) => one.target === target);
  if (policy === undefined) return;
  checkEvidence(evidence, id, after.work.verify, after.policyId);
  const image = after.serving?.image ?? "";
  if (builds.versionOf(image) !== version)
    fail("I4", `${id} names ${image} as what serves, which is of another version`);
  if (FOREIGN.some((kind) => excuses.get(target)?.has(kind))) return;
  // Pods that flap may be down at just this moment.
  if (fate?.pods === "flapping") return;
  if (!cluster.serving(policy.namespace, policy.workload).has(image))
    fail("I4", `${id} succeeded, and its image does not serve`);
}

function checkRolledBack(evidence: Evidence, { target }: Transaction, after: Ended): void {
  const { fail, targets, plan, excuses, cluster, turned } = evidence;
  const id = deploymentId(after);
  const stable = targets.get(target)?.stable;
  const policy = plan.policies.find((one) => one.target === target);
  if (stable === undefined || policy === undefined) return fail("I4", `${id} was rolled back to nothing`);
  checkEvidence(evidence, id, after.work.rollback?.verify, stable.policyId);
  if (FOREIGN.some((kind) => excuses.get(target)?.has(kind))) return;
  const serving = [...cluster.serving(policy.namespace, policy.workload).keys()];
  if (!serving.includes(stable.image)) fail("I4", `${id} was rolled back, and the stable image does not serve`);
  for (const { kind, metadata } of cluster.objects(policy.namespace)) {
    if (!["Service", "Deployment"].includes(kind) || metadata.labels?.[LABELS.target] !== target) continue;
    const token = parseToken(metadata.annotations?.[ANNOTATIONS.token] ?? "");
    if (token?.generation !== after.generation || token.sequence < (turned.get(id) ?? 0))
      fail("I4", `${id} was rolled back, and ${kind} ${metadata.name} was left as it was`);
  }
}

/** A verdict can be recomputed from what is kept with the record, by the policy it was made with. */
function checkEvidence(
  { fail, policyById }: Evidence,
  id: string,
  work: VerifyWork | undefined,
  policyId: string,
): void {
  const { health, predictions } = policyById.get(policyId)?.verify ?? { health: undefined, predictions: undefined };
  if (health === undefined || predictions === undefined) return;
  const looks = work?.health.slice(-health.successes) ?? [];
  if (looks.length < health.successes || looks.some(({ phase }) => phase !== "Successful"))
    fail("I4", `${id} was taken for proven without ${health.successes} healthy looks in a row`);
  const made = work?.predictions ?? [];
  if (made.length < predictions.count || made.some(({ phase }) => phase !== "Successful"))
    fail("I4", `${id} was taken for proven without ${predictions.count} right predictions`);
}
