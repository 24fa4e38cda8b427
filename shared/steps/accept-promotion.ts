import { accept, type Decision } from "../domain/accept.ts";
import { type Deployment, deploymentId } from "../domain/deployment.ts";
import { PermanentError, TransientError } from "../domain/errors.ts";
import type { TargetPolicy } from "../domain/policy.ts";
import { describePointer, type Promotion, samePointer } from "../domain/promotion.ts";
import type { Clock } from "../ports/clock.ts";
import type { DeploymentStore, Versioned } from "../ports/deployment-store.ts";
import type { MessageBus } from "../ports/message-bus.ts";
import type { ModelRegistry } from "../ports/model-registry.ts";
import type { Log } from "../ports/telemetry.ts";
import { visitOf } from "./history.ts";
import { readWish } from "./read-wish.ts";
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
  const { store, log } = dependencies;
  const { wish, now, policyContent, etag, open } = await readWish(patiently(dependencies), policy, promotion, signal);
  const decision = accept(wish, now);
  switch (decision.kind) {
    case "repeat":
      return repeat(dependencies, decision.deployment, promotion);
    case "ignored":
      // An earlier try of this very promotion may have been accepted, and died before it sent what is owed.
      if (wish.wanted !== undefined) await sendOwed(dependencies, wish.wanted);
      log("info", "promotion.ignored", { promotion: promotion.id, target: policy.target });
      return true;
    case "commit":
      await store.putBundle(policy.target, "policy", wish.policyId, policyContent);
      await store.hintListed(policy.target, decision.accepted.generation, now);
      await store.hintOpen(policy.target, decision.accepted.generation, now);
      return commit(dependencies, decision, etag, open, now);
    default:
      return decision satisfies never;
  }
}

/** Nobody is told of a promotion that was set aside, so one waits for whoever mends the registry's access. */
function patiently({ store, registry }: AcceptDependencies): Parameters<typeof readWish>[0] {
  const wait = (error: unknown): never => {
    throw error instanceof PermanentError ? new TransientError(error.code, error.message, { cause: error }) : error;
  };
  return { store, registry: { resolve: (...asked) => registry.resolve(...asked).catch(wait) } };
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
  open: readonly Versioned<Deployment>[],
  now: number,
): Promise<boolean> {
  const etags = new Map(open.map((one) => [one.value.generation, one.etag]));
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
