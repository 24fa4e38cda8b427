import { deploymentId, hasEnded } from "../../../shared/domain/deployment.ts";
import { parseToken } from "../../../shared/domain/token.ts";
import type { Capacity, Change } from "../cluster/simulated-cluster.ts";
import type { Evidence } from "./checks.ts";

/** Follows what happens on the cluster: tokens, changes forward and back, capacity. */
export function watchCluster(evidence: Evidence) {
  const { cluster, fail, say } = evidence;
  let seen = 0;
  let regressions = 0;
  /** Effective changes of a workload's template by generation and direction. */
  const moves = new Map<string, Set<string>>();
  const templates = new Map<string, string>();

  const check = (): void => {
    const changes = cluster.changes();
    for (; seen < changes.length; seen++) follow(changes[seen] as Change);
    const found = cluster.tokenRegressions();
    for (; regressions < found.length; regressions++) {
      const regression = found[regressions];
      fail("I5", `${regression?.kind} ${regression?.name} carried ${regression?.carried} and was changed under ${regression?.applied}`);
    }
  };
  const follow = (change: Change): void => {
    const { namespace, kind, name, action, by, token, release } = change;
    say(`   ${by} ${action} ${kind} ${namespace}/${name}${token === undefined ? "" : ` (${token})`}`);
    if (by !== "belay") return;
    const generation = parseToken(token ?? "")?.generation;
    if (action === "removed") return checkRemoved(evidence, change);
    if (generation === undefined) return fail("I5", `${kind} ${name} was changed without a token`);
    if (kind !== "Deployment") return;
    const object = cluster.objects(namespace).find((one) => one.kind === kind && one.metadata.name === name);
    const template = JSON.stringify((object?.["spec"] as { template?: unknown } | undefined)?.template);
    if (templates.get(`${namespace}/${name}`) === template) return;
    templates.set(`${namespace}/${name}`, template);
    const key = `${namespace}/${name}/${generation}`;
    const directions = moves.get(key) ?? new Set();
    moves.set(key, directions);
    const direction = `${release}`;
    // Once forward to the candidate and once back to stable; a third is one too many.
    directions.add(`${direction}#${directions.size}`);
    if (directions.size > 2) fail("I2", `generation ${generation} changed ${name} ${directions.size} times`);
  };
  cluster.onCapacity((capacity) => {
    check();
    checkCapacity(evidence, capacity);
  });
  evidence.table.onWrite(check);
  return { check };
}

/** What a release in use is made of is never removed by Belay. */
function checkRemoved({ targets, records, cluster, fail, plan }: Evidence, { namespace, kind, name }: Change): void {
  if (kind === "Deployment" || kind === "Service") return fail("I14", `${kind} ${name} was deleted`);
  const policy = plan.policies.find((one) => one.namespace === namespace);
  const target = policy === undefined ? undefined : targets.get(policy.target);
  const workload = cluster.objects(namespace).find((object) => object.kind === "Deployment");
  if (JSON.stringify(workload?.["spec"] ?? {}).includes(`"${name}"`))
    fail("I14", `${kind} ${name} was deleted while the workload refers to it`);
  void records;
  void target;
  void deploymentId;
  void hasEnded;
}

/** Belay's own change of pods keeps to the policy; what the world does to them is not its doing. */
function checkCapacity({ plan, fail, excuses }: Evidence, capacity: Capacity): void {
  const policy = plan.policies.find((one) => one.namespace === capacity.namespace);
  if (policy === undefined || (excuses.get(policy.target)?.size ?? 0) > 0) return;
  const { cause, specReplicas, ready, wasReady, total, wasTotal, maxSurge, maxUnavailable, specBy } = capacity;
  if (cause !== "rollout" || specBy !== "belay" || specReplicas === 0) return;
  if (ready < wasReady && ready < policy.rollout.replicas - policy.rollout.maxUnavailable)
    fail("I13", `${ready} pods are ready where the policy wants ${policy.rollout.replicas - policy.rollout.maxUnavailable}`);
  if (total > wasTotal && total > policy.rollout.replicas + policy.rollout.maxSurge)
    fail("I13", `${total} pods where the policy allows ${policy.rollout.replicas + policy.rollout.maxSurge}`);
  if (specReplicas !== policy.rollout.replicas || maxSurge !== policy.rollout.maxSurge || maxUnavailable !== policy.rollout.maxUnavailable)
    fail("I13", `the workload has ${specReplicas} replicas with surge ${maxSurge}, the policy says otherwise`);
}
