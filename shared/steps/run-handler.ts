import type { Running } from "../domain/deployment.ts";
import { FencedError } from "../domain/errors.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { StepMessage } from "../domain/owed.ts";
import type { Step } from "../domain/pipeline.ts";
import type { TargetPolicy } from "../domain/policy.ts";
import type { Target } from "../domain/target.ts";
import type { Clock } from "../ports/clock.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import { outcomeOfError } from "./outcome-of-error.ts";
import type { StepHandler } from "./step.ts";

/** One visit's handler is aborted after this, well within `functionTimeout`. */
const VISIT_MS = 240_000;

/** A handler's outcome; kept over lost races, so that one message visits the same save once. */
export interface RanVisit {
  outcome: Outcome;
  durationMs: number;
}

/** What one visit is about. */
export interface Visited {
  message: StepMessage;
  running: Running;
  target: Target;
  policy: TargetPolicy;
  now: number;
}

/** Runs the handler once. A fence that holds it off means a later visit was here, or somebody else. */
export async function runHandler(
  { store, steps, clock }: { store: DeploymentStore; steps: Readonly<Record<Step, StepHandler>>; clock: Clock },
  { message, running, target, policy, now }: Visited,
): Promise<RanVisit | "stale"> {
  const started = clock.now();
  const token = { generation: running.generation, sequence: running.sequence };
  const signal = clock.timeout(VISIT_MS);
  const visiting = { deployment: running, target, policy, token, now, signal };
  const finish = (outcome: Outcome): RanVisit => ({
    outcome,
    durationMs: Math.max(0, Math.round(clock.now() - started)),
  });
  try {
    return finish(await withinTime(steps[running.step](visiting), signal));
  } catch (error) {
    if (error instanceof FencedError && (await movedOn(store, message))) return "stale";
    return finish(outcomeOfError(error));
  }
}

/** A handler that does not heed its signal is left behind; the fence keeps it from doing harm when it wakes. */
function withinTime(work: Promise<Outcome>, signal: AbortSignal): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    work.then(resolve, reject);
  });
}

async function movedOn(store: DeploymentStore, message: StepMessage): Promise<boolean> {
  const current = await store.readDeployment(message.target, message.generation);
  return current === undefined || current.value.sequence !== message.sequence;
}
