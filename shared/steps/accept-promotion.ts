import { accept, type Decision } from "../domain/accept.ts";
import { type Deployment, deploymentId } from "../domain/deployment.ts";
import { canonicalJson, sha256 } from "../domain/digest.ts";
import { PermanentError, TransientError } from "../domain/errors.ts";
import type { TargetPolicy } from "../domain/policy.ts";
import { describePointer, type Promotion, samePointer } from "../domain/promotion.ts";
import { newTarget } from "../domain/target.ts";
import type { Clock } from "../ports/clock.ts";
import type { DeploymentStore, Versioned } from "../ports/deployment-store.ts";
import type { MessageBus } from "../ports/message-bus.ts";
import type { ModelRegistry } from "../ports/model-registry.ts";
import type { Log } from "../ports/telemetry.ts";
import { visitOf } from "./history.ts";
import { sendOwed } from "./send-owed.ts";

export interface AcceptDependencies {
  store: DeploymentStore;
  bus: MessageBus;
  registry: ModelRegistry;
  policies: readonly TargetPolicy[];
  clock: Clock;
  log: Log;
}

export type AcceptPromotion = (promotion: Promotion) => Promise<void>;

/** One visit's calls to the registry end after this. */
const VISIT_MS = 60_000;
const MAX_RACES = 8;

/**
 * Accepts a promotion on every target that follows its model and pointer.
 * @throws TransientError when registry, table or bus do not answer: a registry that cannot be read is not assumed.
 * PermanentError when all that is left are targets that cannot take it.
 */
export function createAcceptPromotion(dependencies: AcceptDependencies): AcceptPromotion {
  return async (promotion) => {
    const following = dependencies.policies.filter(
      (policy) => follows(policy, promotion) && (promotion.target ?? policy.target) === policy.target,
    );
    if (following.length === 0)
      dependencies.log("info", "promotion.unfollowed", { promotion: promotion.id, model: promotion.model });
    const errors: unknown[] = [];
    for (const policy of following)
      await acceptOn(dependencies, policy, promotion).catch((error: unknown) => errors.push(error));
    // One target's trouble keeps no other waiting; while any may still be helped, the message is tried again.
    const worst = errors.find((error) => !(error instanceof PermanentError)) ?? errors[0];
    if (worst !== undefined) throw worst;
  };
}

export function follows(policy: TargetPolicy, promotion: Pick<Promotion, "model" | "pointer">): boolean {
  return policy.model === promotion.model && samePointer(policy.pointer, promotion.pointer);
}

async function acceptOn(dependencies: AcceptDependencies, policy: TargetPolicy, promotion: Promotion): Promise<void> {
  const signal = dependencies.clock.timeout(VISIT_MS);
  for (let races = 0; races < MAX_RACES; races++) if (await attempt(dependencies, policy, promotion, signal)) return;
  throw new Error(`Target ${policy.target} was written by others ${MAX_RACES} times.`);
}

/** Reads the target, then the registry, then commits; false: a lost race repeats both reads. */
async function attempt(
  dependencies: AcceptDependencies,
  policy: TargetPolicy,
  promotion: Promotion,
  signal: AbortSignal,
): Promise<boolean> {
  const { store, registry } = dependencies;
  const { now, record } = await store.readTarget(policy.target);
  const target = record?.value ?? newTarget(policy.target);
  const read = (generation: number | undefined) =>
    generation === undefined ? undefined : store.readDeployment(policy.target, generation);
  const [wanted, active, waiting] = await Promise.all([
    read(target.wanted?.generation),
    read(target.active),
    read(target.waiting),
  ]);
  const found = await registry.resolve(promotion.model, promotion.pointer, signal).catch(waitForAccess);
  const content = canonicalJson(policy);
  const decision = accept(
    {
      promotion,
      policy,
      policyId: sha256(content),
      target,
      wanted: wanted?.value,
      active: active?.value,
      waiting: waiting?.value,
      found,
    },
    now,
  );
  switch (decision.kind) {
    case "repeat":
      return repeat(dependencies, decision.deployment, promotion);
    case "ignored":
      dependencies.log("info", "promotion.ignored", { promotion: promotion.id, target: target.name });
      return true;
    case "commit":
      await store.putBundle(policy.target, "policy", sha256(content), content);
      await store.hintListed(policy.target, decision.accepted.generation, now);
      await store.hintOpen(policy.target, decision.accepted.generation, now);
      return commit(dependencies, decision, record?.etag, [active, waiting], now);
    default:
      return decision satisfies never;
  }
}

/** Nobody is told of a promotion that was set aside, so one waits for whoever mends the registry's access. */
function waitForAccess(error: unknown): never {
  throw error instanceof PermanentError ? new TransientError(error.code, error.message, { cause: error }) : error;
}

async function repeat(
  { store, bus, log }: AcceptDependencies,
  deployment: Deployment,
  { id }: Promotion,
): Promise<true> {
  await sendOwed({ store, bus }, deployment);
  log("info", "promotion.repeated", { promotion: id, target: deployment.target, deployment: deploymentId(deployment) });
  return true;
}

async function commit(
  { store, bus, log }: AcceptDependencies,
  { target, deployments, accepted }: Extract<Decision, { kind: "commit" }>,
  etag: string | undefined,
  read: readonly (Versioned<Deployment> | undefined)[],
  now: number,
): Promise<boolean> {
  const etags = new Map(read.flatMap((one) => (one === undefined ? [] : [[one.value.generation, one.etag]])));
  const saved = await store.save({
    target: target.name,
    record: { value: target, ...(etag === undefined ? {} : { etag }) },
    deployments: deployments.map((value) => {
      const known = etags.get(value.generation);
      return known === undefined ? { value } : { value, etag: known };
    }),
    visits: deployments.map((deployment) => visitOf(deployment, "accept", now, 0, "succeeded", describe(deployment))),
  });
  if (saved === "conflict") return false;
  log("info", "promotion.accepted", {
    promotion: accepted.promotion.id,
    target: target.name,
    deployment: deploymentId(accepted),
    model: accepted.model.name,
    version: accepted.model.version,
    phase: accepted.phase,
  });
  await sendOwed(
    { store, bus },
    accepted,
    deployments.filter((deployment) => deployment !== accepted),
  );
  return true;
}

function describe(deployment: Deployment): string {
  const { promotion, model } = deployment;
  if (deployment.phase === "Running" || deployment.phase === "Waiting")
    return `${describePointer(promotion.pointer)} of ${model.name} is version ${model.version}`;
  return deployment.phase === "Succeeded" ? "" : deployment.problem.message;
}
