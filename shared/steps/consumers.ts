import { PermanentError } from "../domain/errors.ts";
import type { StepMessage } from "../domain/owed.ts";
import type { Step } from "../domain/pipeline.ts";
import type { NotifierName, Retention, TargetPolicy } from "../domain/policy.ts";
import type { Notifier } from "../ports/notifier.ts";
import { type AcceptDependencies, createAcceptPromotion } from "./accept-promotion.ts";
import { type ConsumeDependencies, createConsumer } from "./consume.ts";
import { createCheckLook } from "./daily-check.ts";
import { createSteps, type StepDependencies } from "./index.ts";
import { notifyMessage, promotionMessage, rollbackMessage, stepMessage, verifyMessage } from "./messages.ts";
import { createNotify } from "./notify.ts";
import { createPrune } from "./prune.ts";
import { createRunStep } from "./run-step.ts";
import type { ReadPolicy } from "./step.ts";

export type PipelineDependencies = StepDependencies &
  AcceptDependencies &
  ConsumeDependencies & { notifiers: Readonly<Record<NotifierName, Notifier>>; retention: Retention };

export type QueueName = "promotions" | Step | "notify";

/** Takes one message; throws only when not even the bus answers. */
export type Consumer = (body: unknown, messageId: string) => Promise<void>;

/** What each queue's function hands its messages to. */
export function createConsumers(dependencies: PipelineDependencies): Readonly<Record<QueueName, Consumer>> {
  const readPolicy = createPolicyReader(dependencies);
  const runStep = createRunStep({ ...dependencies, readPolicy, steps: createSteps({ ...dependencies, readPolicy }) });
  const prune = createPrune({ ...dependencies, readPolicy });
  const check = createCheckLook({ ...dependencies, readPolicy });
  const step = (queue: Step) => createConsumer(dependencies, queue, stepMessage, runStep);
  return {
    promotions: createConsumer(dependencies, "promotions", promotionMessage, createAcceptPromotion(dependencies)),
    validate: step("validate"),
    build: step("build"),
    rollout: step("rollout"),
    verify: createConsumer(dependencies, "verify", verifyMessage, (message) =>
      "look" in message && message.look === "daily-check" ? check(message) : runStep(message as StepMessage),
    ),
    rollback: createConsumer(dependencies, "rollback", rollbackMessage, (message) =>
      "look" in message && message.look === "prune" ? prune(message) : runStep(message),
    ),
    notify: createConsumer(dependencies, "notify", notifyMessage, createNotify(dependencies)),
  };
}

/** Policies by id; they are content-addressed, so one read is enough for the life of a worker. */
export function createPolicyReader({ store }: Pick<PipelineDependencies, "store">): ReadPolicy {
  const known = new Map<string, TargetPolicy>();
  return async (target, policyId) => {
    const cached = known.get(policyId);
    if (cached !== undefined) return cached;
    const text = await store.readBundle(target, "policy", policyId);
    if (text === undefined)
      throw new PermanentError("configuration-wrong", `The policy ${policyId.slice(0, 12)} is not in the table.`);
    const policy = JSON.parse(text) as TargetPolicy;
    known.set(policyId, policy);
    return policy;
  };
}
