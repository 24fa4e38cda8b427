import { hasBegun } from "../../../shared/domain/deployment.ts";
import { LABELS } from "../../../shared/domain/release.ts";
import { parseToken } from "../../../shared/domain/token.ts";
import type { Capacity, Change } from "../cluster/simulated-cluster.ts";
import type { Evidence } from "./checks.ts";
import { stableObjects } from "./stable-release.ts";

/** Follows what happens on the cluster: tokens, changes forward and back, capacity. */
export function watchCluster(evidence: Evidence) {
  const { cluster, fail, say } = evidence;
  let seen = 0;
  let regressions = 0;
  /** Effective changes of a workload's template by generation. */
  const moves = new Map<string, number>();
  const templates = new Map<string, string>();
  /** Tokens that somebody else has put in the place of Belay's, by object. */
  const foreign = new Map<string, string | undefined>();
  const tokens = new Map<string, string | undefined>();
  const owners = new Map<string, string | undefined>();

  const check = (): void => {
    const changes = cluster.changes();
    for (; seen < changes.length; seen++) follow(changes[seen] as Change);
    const found = cluster.tokenRegressions();
    for (; regressions < found.length; regressions++) {
      const one = found[regressions];
      // A token that a person made up is no decision of Belay's.
      if (one !== undefined && !foreign.has(`${one.namespace}/${one.kind}/${one.name}`))
        fail("I5", `${one.kind} ${one.name} carried ${one.carried} and was changed under ${one.applied}`);
    }
  };
  const follow = (change: Change): void => {
    const { namespace, kind, name, action, by, token } = change;
    const key = `${namespace}/${kind}/${name}`;
    say(`   ${by} ${action} ${kind} ${namespace}/${name}${token === undefined ? "" : ` (${token})`}`);
    if (by === "other") {
      if (action === "removed") foreign.delete(key);
      else if (tokens.get(key) !== token) foreign.set(key, token);
      tokens.set(key, action === "removed" ? undefined : token);
      return;
    }
    if (action === "removed") return checkRemoved(evidence, change);
    if (foreign.has(key) && kind !== "ConfigMap" && isStrange(foreign.get(key), change))
      fail(
        "I5",
        `${kind} ${name} carried the token ${foreign.get(key) ?? "of nobody"}, which is not Belay's last, and was changed`,
      );
    foreign.delete(key);
    tokens.set(key, token);
    checkOwner(change);
    checkForward(change);
  };
  /** A token that some generation of Belay's gave, or may have given, is taken for what it says. */
  const isStrange = (token: string | undefined, { namespace, kind, name, token: own }: Change): boolean => {
    const generation = parseToken(token ?? "")?.generation;
    if (generation === undefined) return true;
    const known = evidence.records.get(ownerOf(namespace, kind, name));
    if (known?.has(generation) === true) return false;
    const formerly = known?.get(parseToken(own ?? "")?.generation ?? -1)?.work.rollout?.formerly;
    return formerly !== undefined && (generation < formerly.since || generation > formerly.last);
  };
  /** Of what is gone again by now only the namespace says whose it was. */
  const ownerOf = (namespace: string, kind: string, name: string) =>
    find(namespace, kind, name)?.metadata.labels?.[LABELS.target] ??
    evidence.plan.policies.find((policy) => policy.namespace === namespace)?.target ??
    "";
  const checkOwner = ({ namespace, kind, name }: Change): void => {
    const key = `${namespace}/${kind}/${name}`;
    const object = find(namespace, kind, name);
    const owner = object?.metadata.labels?.[LABELS.target];
    const before = owners.get(key);
    if (before !== undefined && owner !== undefined && owner !== before)
      fail("I5", `${kind} ${name} was ${before}'s and is ${owner}'s now`);
    owners.set(key, owner);
  };
  const checkForward = ({ namespace, kind, name, token }: Change): void => {
    const generation = parseToken(token ?? "")?.generation;
    if (generation === undefined) return fail("I5", `${kind} ${name} was changed without a token`);
    const record = evidence.records.get(ownerOf(namespace, kind, name))?.get(generation);
    if (record === undefined || !hasBegun(record))
      fail("I2", `${kind} ${name} was changed by generation ${generation} before a save said that it begins`);
    if (kind !== "Deployment") return;
    const template = JSON.stringify(
      (find(namespace, kind, name)?.["spec"] as { template?: unknown } | undefined)?.template,
    );
    if (templates.get(`${namespace}/${name}`) === template) return;
    templates.set(`${namespace}/${name}`, template);
    // Once forward to the candidate and once back to stable; a third is one too many.
    const count = (moves.get(`${namespace}/${name}/${generation}`) ?? 0) + 1;
    moves.set(`${namespace}/${name}/${generation}`, count);
    if (count > 2) fail("I2", `generation ${generation} changed ${name} ${count} times`);
  };
  const find = (namespace: string, kind: string, name: string) =>
    cluster.objects(namespace).find((one) => one.kind === kind && one.metadata.name === name);
  cluster.onCapacity((capacity) => {
    check();
    checkCapacity(evidence, capacity);
  });
  evidence.table.onWrite(check);
  return { check };
}

/** What others made, and what the stable release, a workload or a pod uses, is never removed by Belay. */
function checkRemoved(evidence: Evidence, { namespace, kind, name, token }: Change): void {
  const { cluster, fail, targets, plan } = evidence;
  if (token === undefined) fail("I14", `${kind} ${name} was deleted, and Belay did not put it there`);
  if (kind === "Deployment" || kind === "Service") return fail("I14", `${kind} ${name} was deleted`);
  const objects = cluster.objects(namespace);
  // It was made again since, and what refers to it now came after.
  if (objects.some((object) => object.kind === kind && object.metadata.name === name)) return;
  const workload = objects.find((object) => object.kind === "Deployment");
  if (JSON.stringify(workload?.["spec"] ?? {}).includes(`"${name}"`))
    fail("I14", `${kind} ${name} was deleted while the workload refers to it`);
  const policy = plan.policies.find((one) => one.namespace === namespace);
  if (policy !== undefined && stableObjects(evidence, policy.target)?.has(`${kind} ${name}`) === true)
    fail("I4", `${kind} ${name} was deleted, and the stable release has it`);
  // After an ending old pods may still be on their way out; while something is under way they may have to stay.
  const underWay = policy === undefined ? undefined : targets.get(policy.target)?.active;
  if (underWay !== undefined && cluster.configurationInUse(namespace).has(name))
    fail("I14", `${kind} ${name} was deleted while pods use it`);
}

/** Belay's own change of pods keeps to the policy; what the world does to them is not its doing. */
function checkCapacity({ plan, fail, excuses }: Evidence, capacity: Capacity): void {
  const policy = plan.policies.find((one) => one.namespace === capacity.namespace);
  if (policy === undefined || (excuses.get(policy.target)?.size ?? 0) > 0) return;
  const { cause, specReplicas, ready, wasReady, total, wasTotal, maxSurge, maxUnavailable, specBy } = capacity;
  const { rollout } = policy;
  if (cause !== "rollout" || specBy !== "belay" || specReplicas === 0) return;
  if (ready < wasReady && ready < rollout.replicas - rollout.maxUnavailable)
    fail("I13", `${ready} pods are ready where the policy wants ${rollout.replicas - rollout.maxUnavailable}`);
  if (total > wasTotal && total > rollout.replicas + rollout.maxSurge)
    fail("I13", `${total} pods where the policy allows ${rollout.replicas + rollout.maxSurge}`);
  if (specReplicas !== rollout.replicas || maxSurge !== rollout.maxSurge || maxUnavailable !== rollout.maxUnavailable)
    fail("I13", `the workload has ${specReplicas} replicas with surge ${maxSurge}, the policy says otherwise`);
}
