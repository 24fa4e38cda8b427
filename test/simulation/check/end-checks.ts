import { type Deployment, deploymentId, hasEnded } from "../../../shared/domain/deployment.ts";
import type { TargetPolicy } from "../../../shared/domain/policy.ts";
import { ANNOTATIONS, LABELS } from "../../../shared/domain/release.ts";
import type { Target } from "../../../shared/domain/target.ts";
import type { WorldFault } from "../kernel/faults.ts";
import type { Evidence } from "./checks.ts";
import { stableObjects } from "./stable-release.ts";

/** Judges a history that has come to rest, or that has not. */
export function judgeRest(evidence: Evidence, restless: boolean): void {
  const { plan, records } = evidence;
  if (restless) return judgeRestless(evidence);
  const [left] = findLeftovers(evidence);
  if (left !== undefined) evidence.fail("I14", `ConfigMap ${left} is left behind`);
  for (const known of records.values()) for (const record of known.values()) judgeTold(evidence, record);
  for (const policy of plan.policies) judgeTarget(evidence, policy);
}

function judgeRestless({ fail, bus, records, table, plan, targets, registry }: Evidence): void {
  const open = [...records.values()].flatMap((known) => [...known.values()]).filter((record) => !hasEnded(record));
  const [first] = open;
  if (first !== undefined) return fail("I1", `${deploymentId(first)} has no ending`);
  const [message] = bus.open();
  if (message !== undefined) return fail("I8", `message ${message.id} never comes to an end`);
  if (table.rows("open").length > 0) return fail("I10", `the hint ${table.rows("open")[0]?.rowKey} is never settled`);
  const wanted = plan.policies.map(({ target }) => targets.get(target)?.wanted?.model.version ?? "nothing");
  fail("I1", `the registry says ${registry.pointed() ?? "nothing"}, and ${wanted.join(", ")} is wanted`);
}

function judgeTold({ fail, told, scheduler }: Evidence, record: Deployment): void {
  if (!hasEnded(record) || scheduler.now() - record.endedAt > 7 * 24 * 3_600_000) return;
  const id = deploymentId(record);
  for (const notifier of record.notify) {
    const ids = new Set(told.get(`${id}|${notifier}`) ?? []);
    if (ids.size === 0) fail("I10", `${notifier} was never told of ${id} ${record.phase}`);
    if (ids.size > 1) fail("I10", `${notifier} was told of ${id} under ${ids.size} ids`);
  }
}

function judgeTarget(evidence: Evidence, policy: TargetPolicy): void {
  const { targets, records, excuses } = evidence;
  const target = targets.get(policy.target);
  if (target === undefined) return;
  if (target.active !== undefined) evidence.fail("I1", `${target.name} names ${target.active} as active at rest`);
  const excused = (excuses.get(policy.target)?.size ?? 0) + rivalsOf(evidence, policy);
  const wanted = records.get(policy.target)?.get(target.wanted?.generation ?? -1);
  const stopped = [...(excuses.get(policy.target) ?? [])].every((kind) => kind === "person-stops");
  if (stopped) judgeFirst(evidence, policy, target, wanted);
  if (excused === 0) {
    judgeWanted(evidence, wanted);
    judgeHold(evidence, target);
  }
  if (excused === 0 && target.hold === undefined) judgeServing(evidence, policy, target);
}

/** Other targets that want the same place: whoever comes second is held. */
function rivalsOf({ plan }: Evidence, { target, namespace, workload }: TargetPolicy): number {
  return plan.policies.filter(
    (one) => one.target !== target && one.namespace === namespace && one.workload === workload,
  ).length;
}

/** A version that is good, and that nothing in the world stood against, is live in the end. */
function judgeWanted(evidence: Evidence, wanted: Deployment | undefined): void {
  const { plan, registry, fail } = evidence;
  if (wanted === undefined || wanted.model.status === "MISSING" || registry.pointed() !== wanted.model.version) return;
  if (registry.createdAt() !== wanted.model.createdAt)
    return fail("I1", `version ${wanted.model.version} was made anew, and the target wants the former one`);
  const fate = plan.fates[wanted.model.version];
  if (fate?.pods !== "good" || fate.build !== "good" || wanted.phase === "Succeeded") return;
  const { problem } = wanted as Extract<Deployment, { problem: unknown }>;
  if (evidence.targets.get(wanted.target)?.hold !== undefined) return;
  // An older version than the stable one may be refused, by the policy or because it had been followed before.
  if (problem.code === "moved-back") return;
  fail(
    "I1",
    `version ${wanted.model.version} is good, and ${deploymentId(wanted)} ended ${wanted.phase}: ${problem.code} ${problem.message}`,
  );
}

/** What is left of a first deployment that failed is what the policy says. */
function judgeFirst(
  { cluster, fail }: Evidence,
  policy: TargetPolicy,
  { stable, hold }: Target,
  wanted: Deployment | undefined,
): void {
  if (stable !== undefined || hold !== undefined || wanted?.phase !== "Failed" || !wanted.changed) return;
  const workload = cluster.objects(policy.namespace).find(({ kind }) => kind === "Deployment");
  // It was stopped before anything was applied.
  if (workload === undefined && policy.firstFailure === "keep") return;
  const replicas = (workload?.["spec"] as { replicas?: number } | undefined)?.replicas ?? 0;
  if ((replicas === 0) !== (policy.firstFailure === "scale-to-zero"))
    fail("I14", `${deploymentId(wanted)} left ${replicas} replicas, the policy says ${policy.firstFailure}`);
}

/** Nobody else was here. */
function judgeHold({ fail, plan }: Evidence, { name, hold }: Target): void {
  // A way back has its time: a cluster that mostly does not answer uses it up, and no gap is granted for ever.
  const outage = plan.focus?.system === "cluster" || plan.troubles.some(({ lastsMs }) => lastsMs > 20 * 3_600_000);
  if (outage && ["timed-out", "unreachable"].includes(hold?.reason.code ?? "")) return;
  // A stable release that flaps may be caught at it on the way back to it.
  if (hold?.reason.code === "unhealthy" && Object.values(plan.fates).some(({ pods }) => pods === "flapping")) return;
  if (hold !== undefined)
    fail("I5", `${name} is held, and nobody else has touched it: ${hold.reason.code} ${hold.reason.message}`);
}

function judgeServing(evidence: Evidence, policy: TargetPolicy, target: Target): void {
  const { cluster, fail } = evidence;
  const serving = [...cluster.serving(policy.namespace, policy.workload).keys()];
  const { stable } = target;
  if (stable === undefined) return;
  if (serving.length !== 1 || serving[0] !== stable.image)
    return fail(
      "I14",
      `${target.name} serves ${serving.join(" and ") || "nothing"} at rest, stable is ${stable.image}`,
    );
  const stays = stableObjects(evidence, target.name);
  if (stays === undefined) return fail("I4", `the bundle of ${target.name}'s stable release is gone`);
  for (const { kind, metadata, ...rest } of cluster.objects(policy.namespace)) {
    if (kind !== "Deployment" || stays.has(`${kind} ${metadata.name}`)) continue;
    if ((rest["spec"] as { replicas?: number } | undefined)?.replicas !== 0)
      fail("I14", `${metadata.name} runs at rest, and the stable release does not have it`);
  }
}

/** Configuration under a target's label that its workload does not use, where Belay has proven something to keep. */
export function findLeftovers(evidence: Evidence): readonly string[] {
  const { plan, cluster, targets, excuses } = evidence;
  return plan.policies.flatMap((policy) => {
    const target = targets.get(policy.target);
    if (target?.stable === undefined || target.hold !== undefined) return [];
    // Somebody deleted or changed what refers to it: nobody can say what is left over.
    if (["foreign-edit", "foreign-delete"].some((kind) => excuses.get(policy.target)?.has(kind as WorldFault)))
      return [];
    return (
      cluster
        .objects(policy.namespace)
        .filter(({ kind, metadata }) => kind === "ConfigMap" && metadata.labels?.[LABELS.target] === policy.target)
        // What others put there is theirs.
        .filter(({ metadata }) => metadata.annotations?.[ANNOTATIONS.token] !== undefined)
        .filter(({ metadata }) => !usedBy(evidence, policy, metadata.name))
        .map(({ metadata }) => metadata.name)
    );
  });
}

function usedBy({ cluster }: Evidence, policy: TargetPolicy, name: string): boolean {
  const workload = cluster.objects(policy.namespace).find(({ kind }) => kind === "Deployment");
  return JSON.stringify(workload?.["spec"] ?? {}).includes(`"${name}"`);
}
