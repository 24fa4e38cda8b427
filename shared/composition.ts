import { createHash } from "node:crypto";
import { createCredential } from "./adapters/azure/credential.ts";
import { systemClock } from "./adapters/clock/system-clock.ts";
import { log, withLogSink } from "./adapters/telemetry/log.ts";
import { type Configuration, readConfiguration } from "./config/configuration.ts";
import type { Command } from "./domain/command.ts";
import { openBus, openDeadLetters, openPipeline, openStore } from "./open-ports.ts";
import type { Clock } from "./ports/clock.ts";
import type { DeadLetters } from "./ports/dead-letters.ts";
import type { Log } from "./ports/telemetry.ts";
import { checkHealth, type HealthReport } from "./steps/check-health.ts";
import type { CommandResult } from "./steps/command.ts";
import type { PipelineDependencies, QueueName } from "./steps/consumers.ts";
import type { DeadLetterOffice } from "./steps/dead-letter-office.ts";
import type { DriftReport } from "./steps/drift.ts";
import { parseCommand } from "./steps/parse-command.ts";
import { parseDiscard, parseReplay } from "./steps/parse-replay.ts";
import type { Plan } from "./steps/plan.ts";
import {
  type DeploymentView,
  listDeployments,
  MAX_LISTED,
  readDeployment,
  TARGET_NAME,
} from "./steps/read-deployments.ts";
import { readTargetView, type TargetView } from "./steps/read-target.ts";
import type { TimerName } from "./steps/timers.ts";
import { type Receipt, type ReceivedDelivery, receiveDelivery } from "./webhook/receive.ts";

export type { DeadLetterOffice, QueueName, TimerName };
export { MAX_LISTED, parseCommand, parseDiscard, parseReplay, readConfiguration, TARGET_NAME, withLogSink };

/** Every queue with a function that takes its messages. */
export const QUEUES: readonly QueueName[] = [
  "promotions",
  "validate",
  "build",
  "rollout",
  "verify",
  "rollback",
  "notify",
];

/** What the functions hand things to. Heavy SDKs are loaded when a function first needs them. */
export interface App {
  /** Decides about a delivery and, where it promotes, sends it to the bus; `unavailable`: the bus did not take it. */
  receiveDelivery(delivery: Pick<ReceivedDelivery, "rawBody" | "headers">): Promise<Receipt | { kind: "unavailable" }>;
  consume(queue: QueueName, body: unknown, messageId: string): Promise<void>;
  /** One tick of a timer. */
  tick(timer: TimerName): Promise<void>;
  /** Undefined: the policy has no such target. */
  giveCommand(target: string, command: Command): Promise<CommandResult | undefined>;
  readTarget(target: string): Promise<TargetView | undefined>;
  /** Errors: TransientError, PermanentError, in words that say which system and what to do. */
  findDrift(target: string): Promise<DriftReport | undefined>;
  /** What a person can do with set-aside messages. */
  deadLetterOffice(): Promise<DeadLetterOffice>;
  /** What taking a promotion of what the target's pointer names would do. Errors as above. */
  planTarget(target: string): Promise<Plan | undefined>;
  listDeployments(query: { target?: string; limit: number }): Promise<readonly DeploymentView[]>;
  readDeployment(id: string): Promise<DeploymentView | undefined>;
  checkHealth(): Promise<HealthReport>;
  /** Logs who asked: the key by its fingerprint, and the address the platform saw. */
  recordCaller(what: string, headers: { get(name: string): string | null }, key: string | null): void;
}

/** What the app stands on; each is opened when it is first asked for. */
export interface Foundation {
  bus: () => Promise<PipelineDependencies["bus"]>;
  store: () => Promise<PipelineDependencies["store"]>;
  pipeline: () => Promise<PipelineDependencies>;
  deadLetters: () => Promise<DeadLetters>;
  clock: Clock;
  log: Log;
}

/** The app on Azure, or on whatever the settings name. */
export function createApp(configuration: Configuration): App {
  const { environment } = configuration;
  // One identity for everything: it keeps its tokens.
  const credential = createCredential(environment.azure);
  const bus = lazily(() => openBus(environment, credential));
  const store = lazily(() => openStore(environment, credential));
  const pipeline = lazily(async () => openPipeline(configuration, credential, await store(), await bus()));
  const deadLetters = lazily(() => openDeadLetters(environment, credential, QUEUES));
  return assembleApp(configuration, { bus, store, pipeline, deadLetters, clock: systemClock, log });
}

/** The only place that knows everything. Nothing is opened before it is needed; what failed to open is tried again. */
export function assembleApp(configuration: Configuration, foundation: Foundation): App {
  const { environment, policy } = configuration;
  const { store, pipeline, clock } = foundation;
  const consumers = lazily(async () => {
    const { createConsumers } = await import("./steps/consumers.ts");
    return createConsumers(await pipeline());
  });
  const timers = lazily(async () => {
    const { createTimers } = await import("./steps/timers.ts");
    const { summarizeDeadLetters } = await import("./steps/dead-letters.ts");
    return createTimers(await pipeline(), async () => {
      const found = await summarizeDeadLetters(await foundation.deadLetters(), clock.timeout(COUNT_MS));
      if (found.count > 0) foundation.log("warn", "dead-letters.found", { ...found });
    });
  });
  const giveCommand = lazily(async () => {
    const [{ createGiveCommand }, { createPolicyReader }] = await Promise.all([
      import("./steps/command.ts"),
      import("./steps/consumers.ts"),
    ]);
    const dependencies = await pipeline();
    return createGiveCommand({ ...dependencies, readPolicy: createPolicyReader(dependencies) });
  });
  const lookForDrift = lazily(async () => {
    const [{ findDrift }, { createPolicyReader }] = await Promise.all([
      import("./steps/drift.ts"),
      import("./steps/consumers.ts"),
    ]);
    const dependencies = await pipeline();
    return (target: string) => findDrift({ ...dependencies, readPolicy: createPolicyReader(dependencies) }, target);
  });
  const deadLetterOffice = lazily(async () => {
    const { createDeadLetterOffice } = await import("./steps/dead-letter-office.ts");
    const { deadLetters, bus, log: write } = foundation;
    return createDeadLetterOffice({
      ...{ deadLetters: await deadLetters(), bus: await bus(), clock, log: write },
      openReads: pipeline,
    });
  });
  return {
    receiveDelivery: async (delivery) => {
      const { secrets } = environment.webhook;
      const receipt = receiveDelivery({
        ...delivery,
        policies: policy.targets,
        secrets: secrets.map((secret) => secret.reveal()),
        now: clock.now(),
      });
      return receipt.kind === "accepted" ? sendPromotion(foundation, receipt) : logReceipt(foundation.log, receipt);
    },
    consume: async (queue, body, messageId) => (await consumers())[queue](body, messageId),
    tick: async (timer) => (await timers())[timer](),
    giveCommand: async (target, command) => (await giveCommand())(target, command),
    deadLetterOffice,
    readTarget: async (target) =>
      policy.targets.some((one) => one.target === target) ? readTargetView(await store(), target) : undefined,
    findDrift: async (target) => {
      if (!policy.targets.some((one) => one.target === target)) return undefined;
      return (await lookForDrift())(target);
    },
    planTarget: async (name) => {
      const target = policy.targets.find((one) => one.target === name);
      if (target === undefined) return undefined;
      const { planTarget } = await import("./steps/plan.ts");
      return planTarget(await pipeline(), target);
    },
    listDeployments: async (query) => listDeployments(await store(), { ...query, now: clock.now() }),
    readDeployment: async (id) => readDeployment(await store(), id),
    checkHealth: () => checkHealth(systemsOf(configuration, foundation), clock),
    recordCaller: (what, headers, key) => {
      const caller = fingerprint(headers.get("x-functions-key") ?? key ?? "");
      const address = headers.get("x-forwarded-for")?.slice(0, 100);
      foundation.log("info", "request.answered", { what, caller, address });
    },
  };
}

/** Opens once; a failure is not kept, so that a system that was down is found again. */
function lazily<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
}

/** Counting what was set aside ends after this. */
const COUNT_MS = 20_000;

/** MLflow is answered within 5 s, the loading of the SDK included. */
const SEND_MS = 4_500;

/** A promotion is taken only when the bus has it; its message id is the delivery's. */
async function sendPromotion(
  { bus, clock, log: write }: Foundation,
  receipt: Extract<Receipt, { kind: "accepted" }>,
): Promise<Receipt | { kind: "unavailable" }> {
  const { promotion } = receipt;
  const fields = { delivery: promotion.id, model: promotion.model, version: promotion.version };
  try {
    const signal = clock.timeout(SEND_MS);
    await (await bus()).send([{ queue: "promotions", id: promotion.id, body: promotion }], signal);
    write("info", "webhook.accepted", fields);
    return receipt;
  } catch (error) {
    write("error", "webhook.unavailable", { ...fields, reason: error instanceof Error ? error.message : "unknown" });
    return { kind: "unavailable" };
  }
}

function logReceipt(write: Log, receipt: Exclude<Receipt, { kind: "accepted" }>): Receipt {
  if (receipt.kind === "ignored") write("info", "webhook.ignored", { reason: receipt.reason });
  else if (receipt.kind === "malformed") write("warn", "webhook.malformed", { reason: receipt.message });
  else write("warn", "webhook.refused", {});
  return receipt;
}

/** What `health` asks: bus, table, registries, and the cluster of every target. */
function systemsOf({ policy }: Configuration, { bus, store, pipeline }: Foundation) {
  const clusters = policy.targets.map(
    (target) =>
      [
        `cluster of ${target.target}`,
        async (signal: AbortSignal) => (await (await pipeline()).openCluster(target)).cluster.ping(signal),
      ] as const,
  );
  return {
    "Service Bus": async (signal: AbortSignal) => (await bus()).ping(signal),
    "Table Storage": async () => (await store()).ping(),
    MLflow: async (signal: AbortSignal) => (await pipeline()).registry.ping(signal),
    "container registry": async (signal: AbortSignal) => (await pipeline()).images.ping(signal),
    ...Object.fromEntries(clusters),
  };
}

/** Tells keys apart without giving any away. */
function fingerprint(key: string): string {
  return key === "" ? "no key" : `key ${createHash("sha256").update(key).digest("hex").slice(0, 8)}`;
}
