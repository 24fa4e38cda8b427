import { advance, startWaiting, type Transition } from "../domain/advance.ts";
import { type Deployment, hasEnded, type Running, type Waiting } from "../domain/deployment.ts";
import { PermanentError } from "../domain/errors.ts";
import { guard } from "../domain/guard.ts";
import { owed, type StepMessage } from "../domain/owed.ts";
import type { Step } from "../domain/pipeline.ts";
import type { Target } from "../domain/target.ts";
import type { Clock } from "../ports/clock.ts";
import type { DeploymentStore, Versioned } from "../ports/deployment-store.ts";
import type { MessageBus } from "../ports/message-bus.ts";
import type { Log } from "../ports/telemetry.ts";
import { endedFields, visitOf } from "./history.ts";
import { outcomeOfError } from "./outcome-of-error.ts";
import { RULES_OF_NONE, rulesOf } from "./rules.ts";
import { type RanVisit, runHandler } from "./run-handler.ts";
import { sendOwed } from "./send-owed.ts";
import type { ReadPolicy, StepHandler } from "./step.ts";

export interface RunStepDependencies {
  store: DeploymentStore;
  bus: MessageBus;
  steps: Readonly<Record<Step, StepHandler>>;
  readPolicy: ReadPolicy;
  clock: Clock;
  log: Log;
}

export type RunStep = (message: StepMessage) => Promise<void>;

/** A Waiting deployment looks this often whether it may start. */
const WAITING_LOOK_MS = 60_000;
/** Lost races before the message is tried again later. */
const MAX_RACES = 8;

/** What a message meets when it arrives. */
interface Loaded {
  now: number;
  target: Versioned<Target>;
  deployment: Versioned<Deployment>;
}

/**
 * The only place where loading, running, saving and sending meet: load, guard, run, advance, save, send.
 * Safe at every crash: state first, message second, both repeatable.
 * @throws TransientError when table or bus do not answer: the message is to be tried again.
 */
export function createRunStep(dependencies: RunStepDependencies): RunStep {
  return async (message) => {
    const ran = new Map<number, RanVisit>();
    for (let races = 0; races < MAX_RACES; races++) if (await attempt(dependencies, message, ran)) return;
    throw new Error(`Deployment ${message.target}.${message.generation} was written by others ${MAX_RACES} times.`);
  };
}

/** One round; false: somebody else wrote first, read again and decide again. */
async function attempt(
  dependencies: RunStepDependencies,
  message: StepMessage,
  ran: Map<number, RanVisit>,
): Promise<boolean> {
  const loaded = await load(dependencies.store, message);
  if (loaded === undefined) return stale(dependencies.log, message, "no such deployment");
  const { deployment } = loaded;
  const found = guard(message, deployment.value, loaded.now);
  switch (found.kind) {
    case "stale":
      return stale(dependencies.log, message, `the record is at ${deployment.value.sequence}`);
    case "owed":
      await sendOwed(dependencies, deployment.value);
      return true;
    case "early":
      await again(dependencies.bus, found.running, "early", loaded.now);
      return true;
    case "waiting":
      return startIfFree(dependencies, loaded, found.waiting);
    case "visit":
      return visit(dependencies, { ...loaded, running: found.running }, message, ran);
    default:
      return found satisfies never;
  }
}

async function load(store: DeploymentStore, message: StepMessage): Promise<Loaded | undefined> {
  const { now, record } = await store.readTarget(message.target);
  const deployment = await store.readDeployment(message.target, message.generation);
  return record === undefined || deployment === undefined ? undefined : { now, target: record, deployment };
}

function stale(log: Log, message: StepMessage, reason: string): true {
  log("debug", "step.stale", { ...message, reason });
  return true;
}

/** The same message at its time, under an id of its own so that it is not taken for a repeat. */
async function again(bus: MessageBus, deployment: Waiting | Running, why: string, now: number): Promise<void> {
  const messages = owed(deployment).map((message) => ({ ...message, id: `${message.id}/${why}-${now}` }));
  await bus.send(messages.map((message) => ("at" in message ? message : { ...message, at: deployment.resumeAt })));
}

/** A Waiting deployment starts when the target is free; else it looks again later. */
async function startIfFree(
  { store, bus, log }: RunStepDependencies,
  { now, target, deployment }: Loaded,
  waiting: Waiting,
): Promise<boolean> {
  const { active } = target.value;
  const running = active === undefined ? undefined : await store.readDeployment(target.value.name, active);
  if (running !== undefined && !hasEnded(running.value)) {
    const later = Math.max(waiting.resumeAt, now + WAITING_LOOK_MS);
    await again(bus, { ...waiting, resumeAt: later }, "waiting", now);
    return true;
  }
  const start = startWaiting(waiting, target.value, now);
  const found = start.deployment.phase === "Running" ? "the target is free" : "it is refused";
  const visit = visitOf(start.deployment, "wait", now, 0, "succeeded", found);
  const saved = await store.save({
    target: target.value.name,
    record: { value: start.target, etag: target.etag },
    deployments: [{ value: start.deployment, etag: deployment.etag }],
    visits: [visit],
  });
  if (saved === "conflict") return false;
  await sendOwed({ store, bus }, start.deployment);
  log("info", "step.visited", { ...visit });
  return true;
}

async function visit(
  dependencies: RunStepDependencies,
  loaded: Loaded & { running: Running },
  message: StepMessage,
  ran: Map<number, RanVisit>,
): Promise<boolean> {
  const { running, target, now } = loaded;
  const policy = await dependencies.readPolicy(running.target, running.policyId).catch(lost);
  const done =
    ran.get(running.sequence) ??
    (policy instanceof PermanentError
      ? { outcome: outcomeOfError(policy), durationMs: 0 }
      : await runHandler(dependencies, { message, running, target: target.value, policy, now }));
  if (done === "stale") return stale(dependencies.log, message, "a later visit has changed the cluster");
  ran.set(running.sequence, done);
  const waiting = await readWaiting(dependencies.store, target.value);
  const rules = policy instanceof PermanentError ? RULES_OF_NONE : rulesOf(policy);
  const transition = advance(running, target.value, waiting?.value, done.outcome, rules, now);
  return save(dependencies, loaded, waiting, transition, done);
}

/** A policy that cannot be read any more ends the deployment: set aside, its message would leave it standing for ever. */
function lost(error: unknown): PermanentError {
  if (error instanceof PermanentError) return error;
  throw error;
}

async function readWaiting(store: DeploymentStore, target: Target): Promise<Versioned<Waiting> | undefined> {
  if (target.waiting === undefined) return undefined;
  const read = await store.readDeployment(target.name, target.waiting);
  return read?.value.phase === "Waiting" ? { value: read.value, etag: read.etag } : undefined;
}

async function save(
  dependencies: RunStepDependencies,
  { running, target, deployment, now }: Loaded & { running: Running },
  waiting: Versioned<Waiting> | undefined,
  transition: Transition,
  { outcome, durationMs }: RanVisit,
): Promise<boolean> {
  const { store, log } = dependencies;
  const next = transition.deployment;
  const problem = outcome.result === "failed" || outcome.result === "errored" ? outcome.problem : undefined;
  const history = visitOf(next, running.step, now, durationMs, outcome.result, outcome.found, problem);
  const started = startedBy(transition, waiting, now);
  const saved = await store.save({
    target: running.target,
    ...(transition.target === undefined ? {} : { record: { value: transition.target, etag: target.etag } }),
    deployments: [{ value: next, etag: deployment.etag }, ...started.deployments],
    visits: [history, ...started.visits],
  });
  if (saved === "conflict") return false;
  log("info", "step.visited", { ...history });
  if (hasEnded(next)) log("info", "deployment.ended", endedFields(next));
  await sendOwed(dependencies, next, transition.started === undefined ? [] : [transition.started]);
  return true;
}

function startedBy({ started }: Transition, waiting: Versioned<Waiting> | undefined, now: number) {
  if (started === undefined || waiting === undefined) return { deployments: [], visits: [] };
  const found = started.phase === "Running" ? "the target is free" : "it is refused";
  return {
    deployments: [{ value: started, etag: waiting.etag }],
    visits: [visitOf(started, "wait", now, 0, "succeeded", found)],
  };
}
