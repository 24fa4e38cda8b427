import {
  type Answer,
  type Command,
  commandForgetStable,
  commandHold,
  commandRelease,
  commandStop,
} from "../domain/command.ts";
import type { Deployment, Running, Waiting } from "../domain/deployment.ts";
import { deploymentId, hasEnded } from "../domain/deployment.ts";
import { TransientError } from "../domain/errors.ts";
import type { TargetPolicy } from "../domain/policy.ts";
import type { Promotion } from "../domain/promotion.ts";
import { newTarget, type Target } from "../domain/target.ts";
import type { DeploymentStore, StoreChange, Versioned } from "../ports/deployment-store.ts";
import type { MessageBus } from "../ports/message-bus.ts";
import type { Log } from "../ports/telemetry.ts";
import { endedFields, visitOf } from "./history.ts";
import { RULES_OF_NONE, rulesOf } from "./rules.ts";
import { sendOwed } from "./send-owed.ts";
import type { ReadPolicy } from "./step.ts";

export interface CommandDependencies {
  store: DeploymentStore;
  bus: MessageBus;
  policies: readonly TargetPolicy[];
  readPolicy: ReadPolicy;
  log: Log;
}

/** What became of a command; `nothing` says why there was nothing to do. */
export type CommandResult = { kind: "done" | "nothing"; said: string; deployment?: string };

export type GiveCommand = (target: string, command: Command) => Promise<CommandResult | undefined>;

const MAX_RACES = 8;

/** What one reading of the target leads to: what to write, and whose messages are owed then. */
interface Plan {
  answer: { kind: "done" | "nothing"; said: string };
  change?: StoreChange;
  /** The record that the command ended or turned back, and the one its ending started. */
  written?: readonly Deployment[];
}

/**
 * Gives a person's command to a target; undefined: the policy has no such target. It is done when this resolves.
 * @throws TransientError, PermanentError: table or bus do not answer; giving it again is harmless.
 */
export function createGiveCommand(dependencies: CommandDependencies): GiveCommand {
  const { store, policies, log } = dependencies;
  return async (name, command) => {
    const policy = policies.find(({ target }) => target === name);
    if (policy === undefined) return undefined;
    log("warn", "command.given", { target: name, command: command.name, by: command.by });
    if (command.name === "promote") return promote(dependencies, policy, command);
    for (let races = 0; races < MAX_RACES; races++) {
      const { answer, change, written = [] } = await plan(dependencies, name, command);
      if (change !== undefined && (await store.save(change)) === "conflict") continue;
      return { ...answer, ...(await follow(dependencies, written)) };
    }
    throw new TransientError(
      "unexpected",
      `Target ${name} was written by others ${MAX_RACES} times: give the command again.`,
    );
  };
}

async function follow({ store, bus, log }: CommandDependencies, written: readonly Deployment[]) {
  const [first, ...others] = written;
  if (first === undefined) return {};
  if (hasEnded(first)) log("info", "deployment.ended", endedFields(first));
  await sendOwed({ store, bus }, first, others);
  return { deployment: deploymentId(first) };
}

/** What the pointer says is asked for anew, as a wish of this person; the bus has it when this resolves. */
async function promote(
  { store, bus }: CommandDependencies,
  policy: TargetPolicy,
  { by }: Command,
): Promise<CommandResult> {
  const { now, record } = await store.readTarget(policy.target);
  const id = `person/${policy.target}/${record?.value.generation ?? 0}/${now}`;
  const { model, pointer, target } = policy;
  const body: Promotion = { id, model, pointer, target, wishedAt: now, origin: { kind: "person", by } };
  await bus.send([{ queue: "promotions", id, body }]);
  return { kind: "done", said: "What the pointer says is asked for again." };
}

async function plan(dependencies: CommandDependencies, name: string, command: Command): Promise<Plan> {
  const { store } = dependencies;
  const { now, record } = await store.readTarget(name);
  const target = record?.value ?? newTarget(name);
  const writing = (answer: Answer<Target>): Plan =>
    answer.kind === "nothing" ? { answer } : { answer: spoken(answer), change: changeOf(answer.write, record, []) };
  switch (command.name) {
    case "stop":
      return planStop(dependencies, command, target, record, now);
    case "hold":
      return writing(commandHold(command, target, now));
    case "release":
      return writing(commandRelease(target));
    case "forget-stable":
      return writing(commandForgetStable(target));
    case "promote":
      throw new Error("A promotion goes through the bus.");
    default:
      return command.name satisfies never;
  }
}

const spoken = ({ kind, said }: { kind: "done"; said: string }) => ({ kind, said });

async function planStop(
  { store, readPolicy }: CommandDependencies,
  command: Command,
  target: Target,
  record: Versioned<Target> | undefined,
  now: number,
): Promise<Plan> {
  const active = await readOpen(store, target.name, target.active, "Running");
  const waiting = await readOpen(store, target.name, target.waiting, "Waiting");
  const policy =
    active === undefined
      ? undefined
      : await readPolicy(target.name, active.value.policyId).catch((error: unknown) => {
          // Going back needs no policy but for its time.
          if (error instanceof Error && error.name === "PermanentError") return undefined;
          throw error;
        });
  const rules = policy === undefined ? RULES_OF_NONE : rulesOf(policy);
  const answer = commandStop(command, active?.value, target, waiting?.value, rules, now);
  // Whoever gave it before may have died before what is owed was sent.
  if (answer.kind === "nothing") return active === undefined ? { answer } : { answer, written: [active.value] };
  const { deployment, started, target: changed } = answer.write;
  const written = started === undefined ? [deployment] : [deployment, started];
  const change = changeOf(changed ?? target, record, [
    ...[deployment].map((value) => ({ value, etag: active?.etag })),
    ...(started === undefined ? [] : [{ value: started, etag: waiting?.etag }]),
  ]);
  const visits = written.map((one) => visitOf(one, "stop", now, 0, "succeeded", `stopped by ${command.by}`));
  return { answer: spoken(answer), change: { ...change, visits }, written };
}

/** The target is written too, so that a command and a save that goes by the former target exclude each other. */
function changeOf(
  target: Target,
  record: Versioned<Target> | undefined,
  deployments: readonly { value: Deployment; etag: string | undefined }[],
): StoreChange {
  return {
    target: target.name,
    record: { value: target, ...(record === undefined ? {} : { etag: record.etag }) },
    deployments: deployments.map(({ value, etag }) => (etag === undefined ? { value } : { value, etag })),
    visits: [],
  };
}

async function readOpen<P extends "Running" | "Waiting">(
  store: DeploymentStore,
  target: string,
  generation: number | undefined,
  phase: P,
): Promise<Versioned<P extends "Running" ? Running : Waiting> | undefined> {
  const read = generation === undefined ? undefined : await store.readDeployment(target, generation);
  return read?.value.phase === phase ? (read as Versioned<P extends "Running" ? Running : Waiting>) : undefined;
}
