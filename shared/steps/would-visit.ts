import { startWaiting } from "../domain/advance.ts";
import type { WouldDo } from "../domain/dead-letter.ts";
import { type Deployment, deploymentId, hasEnded, type Waiting } from "../domain/deployment.ts";
import { guard } from "../domain/guard.ts";
import { owed, type StepMessage } from "../domain/owed.ts";
import type { Target } from "../domain/target.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";

/** What a step's message would do: what the runner's guard says of it. Errors: TransientError, PermanentError. */
export async function wouldVisit(store: DeploymentStore, message: StepMessage): Promise<WouldDo> {
  const id = deploymentId(message);
  const { now, record } = await store.readTarget(message.target);
  const deployment = (await store.readDeployment(message.target, message.generation))?.value;
  if (record === undefined || deployment === undefined)
    return { code: "nothing", text: `Nothing: there is no deployment ${id}.` };
  const found = guard(message, deployment, now);
  switch (found.kind) {
    case "visit":
      return { code: "visit", text: `The step ${found.running.step} of ${id} would be visited now.` };
    case "early":
      return {
        code: "schedule",
        text: `It is too early: the step ${found.running.step} of ${id} is due at ${iso(found.running.resumeAt)}, and the message would be scheduled for then.`,
      };
    case "waiting":
      return wouldStart(store, record.value, found.waiting, now);
    case "owed":
      return { code: "send-again", text: describeOwed(deployment) };
    case "stale":
      return { code: "nothing", text: `Nothing: ${describeStanding(message, deployment)}.` };
    default:
      return found satisfies never;
  }
}

async function wouldStart(store: DeploymentStore, target: Target, waiting: Waiting, now: number): Promise<WouldDo> {
  const id = deploymentId(waiting);
  const active =
    target.active === undefined ? undefined : (await store.readDeployment(target.name, target.active))?.value;
  if (active !== undefined && !hasEnded(active))
    return {
      code: "schedule",
      text: `${id} waits for the ending of ${deploymentId(active)}; the message would be scheduled to look again.`,
    };
  const { deployment } = startWaiting(waiting, target, now);
  if ("problem" in deployment)
    return { code: "refuse", text: `${id} would end ${deployment.phase}: ${deployment.problem.message}` };
  return { code: "start", text: `${id} has waited and would start now: the target is free.` };
}

function describeOwed(deployment: Deployment): string {
  const queues = [...new Set(owed(deployment).map(({ queue }) => queue))];
  const sent =
    queues.length === 0 ? "nothing is owed any more" : `what it owes would be sent again to ${queues.join(" and ")}`;
  return `The work of this message is done, and ${describe(deployment)}: ${sent}.`;
}

function describeStanding({ sequence }: StepMessage, deployment: Deployment): string {
  return `the message is for sequence ${sequence}, and ${describe(deployment)}`;
}

function describe(deployment: Deployment): string {
  const step = deployment.phase === "Running" ? `, in the step ${deployment.step}` : "";
  return `${deploymentId(deployment)} is ${deployment.phase} at sequence ${deployment.sequence}${step}`;
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
