import { accept } from "../domain/accept.ts";
import type { WouldDo } from "../domain/dead-letter.ts";
import { type Deployment, deploymentId } from "../domain/deployment.ts";
import { describeModel } from "../domain/model.ts";
import type { TargetPolicy } from "../domain/policy.ts";
import { describePointer, type Promotion } from "../domain/promotion.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import type { ModelRegistry } from "../ports/model-registry.ts";
import { follows } from "./accept-promotion.ts";
import { readWish } from "./read-wish.ts";

/** What is read to say what a promotion would do. */
export interface AcceptReads {
  store: DeploymentStore;
  registry: Pick<ModelRegistry, "resolve">;
  policies: readonly TargetPolicy[];
}

/** Of several targets the first of these codes is the promotion's. */
const PRECEDENCE: readonly WouldDo["code"][] = ["accept", "refuse", "repeat", "nothing"];

/** What a promotion would do on each target that follows it. Errors: TransientError, PermanentError. */
export async function wouldAccept(reads: AcceptReads, promotion: Promotion, signal: AbortSignal): Promise<WouldDo> {
  const following = reads.policies.filter((policy) => follows(policy, promotion));
  const named = following.filter(({ target }) => (promotion.target ?? target) === target);
  const each: WouldDo[] = [];
  for (const policy of named) each.push(await wouldAcceptOn(reads, policy, promotion, signal));
  const text = each.map((one) => one.text).join(" ");
  const code = PRECEDENCE.find((one) => each.some((would) => would.code === one));
  if (code !== undefined) return { code, text };
  return {
    code: "nothing",
    text: `Nothing: no target follows the ${describePointer(promotion.pointer)} of ${promotion.model}.`,
  };
}

async function wouldAcceptOn(
  reads: AcceptReads,
  policy: TargetPolicy,
  promotion: Promotion,
  signal: AbortSignal,
): Promise<WouldDo> {
  const { wish, now } = await readWish(reads, policy, promotion, signal);
  const decision = accept(wish, now);
  switch (decision.kind) {
    case "repeat":
      return {
        code: "repeat",
        text: `${describeModel(decision.deployment.model)} is wanted on ${policy.target} already: ${deploymentId(decision.deployment)} is ${decision.deployment.phase}, and what it owes would be sent again.`,
      };
    case "ignored":
      return { code: "nothing", text: `Nothing on ${policy.target}: ${decision.reason}` };
    case "commit":
      return describeAccepted(decision.accepted);
    default:
      return decision satisfies never;
  }
}

function describeAccepted(accepted: Deployment): WouldDo {
  const model = describeModel(accepted.model);
  if ("problem" in accepted)
    return { code: "refuse", text: `${model} would be refused on ${accepted.target}: ${accepted.problem.message}` };
  const how = accepted.phase === "Waiting" ? "wait for the deployment that is changing it" : "be deployed";
  return { code: "accept", text: `${model} would be accepted on ${accepted.target}, and ${how}.` };
}
