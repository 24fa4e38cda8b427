import { type Deployment, deploymentId, hasEnded } from "../domain/deployment.ts";
import { describeModel, sameModel } from "../domain/model.ts";
import type { DeploymentEvidence, TargetEvidence } from "./evidence.ts";
import type { Finding } from "./finding.ts";

export interface LostContext {
  /** Epoch milliseconds. */
  now: number;
  graceMs: number;
}

/** What was asked for and comes to nothing: not taken, standing still, or ended without a word. Pure. */
export function findLost(evidence: TargetEvidence, context: LostContext): readonly Finding[] {
  return [
    ...(isNotTaken(evidence) ? [notTaken(evidence)] : []),
    ...evidence.deployments.flatMap((one) => standsStill(evidence, one.record, context)),
    ...evidence.deployments.flatMap((one) => notTold(one, context)),
  ];
}

/** Whether the registry names a version that the target does not want. A pointer that points nowhere asks for nothing. */
export function isNotTaken({ pointer, record }: Pick<TargetEvidence, "pointer" | "record">): boolean {
  if (pointer.found === undefined) return false;
  return record?.wanted === undefined || !sameModel(record.wanted.model, pointer.found);
}

function notTaken({ target, pointer: { described, found }, record }: TargetEvidence): Finding {
  const version = found?.version ?? "none";
  const wanted = record?.wanted === undefined ? "nothing" : describeModel(record.wanted.model);
  return {
    kind: "lost",
    code: "not-taken",
    target,
    about: version,
    sentence: `${target}: the ${described} is version ${version}, but what is wanted is ${wanted}: look at MLflow's webhook deliveries, the queue promotions and the timer reconcile.`,
  };
}

function standsStill(
  { target, record, deployments }: TargetEvidence,
  deployment: Deployment,
  { now, graceMs }: LostContext,
): readonly Finding[] {
  if (hasEnded(deployment)) return [];
  const due = dueAt(deployment, record?.active, deployments);
  const known = [record?.active, record?.waiting].includes(deployment.generation);
  if (known && now <= due + graceMs) return [];
  const id = deploymentId(deployment);
  const where = deployment.phase === "Running" ? `in ${deployment.step}` : "Waiting";
  const why = known
    ? `was due at ${new Date(due).toISOString()}, and no visit came`
    : "is neither the target's active deployment nor the waiting one";
  return [
    {
      kind: "lost",
      code: "stands-still",
      target,
      deployment: id,
      sentence: `${target}: the deployment ${id} is open, ${where}, and ${why}: look at the queues, the dead letters and the timer sweep.`,
    },
  ];
}

/** A waiting deployment has time for as long as the one it waits for is open. */
function dueAt(
  deployment: Extract<Deployment, { resumeAt: number }>,
  active: number | undefined,
  deployments: readonly DeploymentEvidence[],
): number {
  if (deployment.phase === "Running") return deployment.resumeAt;
  const before = deployments.find(({ record }) => record.generation === active)?.record;
  return before === undefined || hasEnded(before) ? deployment.resumeAt : Number.POSITIVE_INFINITY;
}

function notTold({ record, told }: DeploymentEvidence, { now, graceMs }: LostContext): readonly Finding[] {
  if (told === undefined || !hasEnded(record) || now <= record.endedAt + graceMs) return [];
  const { target } = record;
  const id = deploymentId(record);
  return record.notify
    .filter((notifier) => !told.includes(notifier))
    .map((notifier) => ({
      kind: "lost",
      code: "not-told",
      target,
      deployment: id,
      about: notifier,
      sentence: `${target}: the notifier ${notifier} was not told that the deployment ${id} ended ${record.phase}: look at the queue notify, the queue poison and the notifier's address.`,
    }));
}
