import type { InvocationContext, Timer } from "@azure/functions";
import type { Configuration } from "../../../shared/config/configuration.ts";
import type { Command } from "../../../shared/domain/command.ts";
import { TransientError } from "../../../shared/domain/errors.ts";
import type { NotifierName, Retention, TargetPolicy } from "../../../shared/domain/policy.ts";
import type { KubernetesObject } from "../../../shared/domain/release.ts";
import type { Clock } from "../../../shared/ports/clock.ts";
import type { ClusterAccess } from "../../../shared/ports/cluster.ts";
import type { DeadLetterReference, DeadLetters } from "../../../shared/ports/dead-letters.ts";
import type { MessageBus } from "../../../shared/ports/message-bus.ts";
import type { ModelRegistry } from "../../../shared/ports/model-registry.ts";
import type { Notification } from "../../../shared/ports/notifier.ts";
import type { Log } from "../../../shared/ports/telemetry.ts";
import type { CommandResult } from "../../../shared/steps/command.ts";
import type { PipelineDependencies, QueueName } from "../../../shared/steps/consumers.ts";
import type { TimerName } from "../../../shared/steps/timers.ts";
import type { Entries } from "../builds/load-build.ts";
import type { CallErrors } from "../kernel/workers.ts";
import type { SimulatedBuilds } from "./build-service.ts";
import { type Delivery, WEBHOOK_SECRET } from "./models.ts";
import type { SimulatedTable } from "./table.ts";

/** What the simulator runs of a build: the functions, and what they stand on. */
export interface BelayModules {
  composition: typeof import("../../../shared/composition.ts");
  consumers: typeof import("../../../shared/steps/consumers.ts");
  timers: typeof import("../../../shared/steps/timers.ts");
  command: typeof import("../../../shared/steps/command.ts");
  store: typeof import("../../../shared/adapters/tables/deployment-store.ts");
  webhookFunction: typeof import("../../../functions/mlflow-webhook.ts");
  queueFunction: typeof import("../../../functions/queues.ts");
  timerFunction: typeof import("../../../functions/timers.ts");
  deadLetterFunction: typeof import("../../../functions/dead-letters.ts");
  office: typeof import("../../../shared/steps/dead-letter-office.ts");
}

/** The builds that take turns in a history. */
export interface Builds {
  present: BelayModules;
  next: BelayModules;
}

export const BELAY_ENTRIES: Entries<BelayModules> = {
  composition: "shared/composition.ts",
  consumers: "shared/steps/consumers.ts",
  timers: "shared/steps/timers.ts",
  command: "shared/steps/command.ts",
  store: "shared/adapters/tables/deployment-store.ts",
  webhookFunction: "functions/mlflow-webhook.ts",
  queueFunction: "functions/queues.ts",
  timerFunction: "functions/timers.ts",
  deadLetterFunction: "functions/dead-letters.ts",
  office: "shared/steps/dead-letter-office.ts",
};

/** The outside, the same for all workers. */
export interface Outside {
  table: SimulatedTable;
  bus: MessageBus;
  deadLetters: DeadLetters;
  registry: ModelRegistry;
  builds: SimulatedBuilds;
  open: (namespace: string) => ClusterAccess;
  notify: (notifier: NotifierName, notification: Notification) => void;
  policies: readonly TargetPolicy[];
  /** What releases are rendered from now. */
  manifests: readonly KubernetesObject[];
  retention: Retention;
  log: Log;
}

/** One call to the outside; what happens to it is the kernel's. */
export type Call = <T>(point: string, effect: () => T | Promise<T>, errors: CallErrors) => Promise<T>;

/** What the webhook function answered. */
export interface WebhookAnswer {
  status: number;
  /** Whether it says that something will come of it. */
  accepted: boolean;
}

/** What a person sends to have set-aside messages replayed. */
export type ReplayBody = { by: string } & ({ all: true } | DeadLetterReference);

/** The functions of one worker process. */
export interface BelayApp {
  message(queue: string, body: unknown, id: string): Promise<void>;
  tick(timer: TimerName): Promise<void>;
  webhook(delivery: Delivery): Promise<WebhookAnswer>;
  command(target: string, command: Command): Promise<CommandResult | undefined>;
  /** Asks for a replay by HTTP; the status. */
  replay(asked: ReplayBody): Promise<number>;
}

const unanswered = (what: string): CallErrors => ({
  unanswered: () => new TransientError("unreachable", `${what} gave no answer.`),
  throttled: () => new TransientError("unreachable", `${what} answered 429.`, { retryAfterSeconds: 7 }),
});

/** The app of one build on one worker, around the real functions; every call to the outside goes through `call`. */
export function createBelayApp(modules: BelayModules, outside: Outside, call: Call, clock: Clock): BelayApp {
  const { table, builds, policies, manifests, retention, log } = outside;
  const guard = <P extends object>(name: string, port: P, errors = unanswered(name)): P => {
    const wrapped = Object.entries(port).map(([member, value]) => {
      if (typeof value !== "function") return [member, value];
      const point = `${name}.${member}`;
      return [member, (...given: unknown[]) => call(point, () => Reflect.apply(value, port, given), errors)];
    });
    return Object.fromEntries(wrapped) as P;
  };
  const client = table.client((point, effect) => call(point, effect, TABLE_ERRORS));
  const store = modules.store.createTableStore(client, clock);
  const clusters = new Map<string, ClusterAccess>();
  const access = (namespace: string): ClusterAccess => {
    const known = clusters.get(namespace);
    if (known !== undefined) return known;
    const { cluster, prober, previewer } = outside.open(namespace);
    const opened = {
      cluster: guard("cluster", cluster),
      prober: guard("prober", prober, PROBE_ERRORS),
      previewer: guard("previewer", previewer),
    };
    clusters.set(namespace, opened);
    return opened;
  };
  const notifier = (name: NotifierName) =>
    guard("notifier", { notify: async (notification: Notification) => outside.notify(name, notification) });
  const dependencies: PipelineDependencies = {
    store,
    bus: guard("bus", outside.bus),
    registry: guard("registry", outside.registry),
    builder: guard("builder", builds.builder),
    images: guard("images", builds.images),
    openCluster: async ({ namespace }) => access(namespace),
    readTemplate: async () => TEMPLATE,
    readManifests: async () => [...manifests],
    notifiers: { log: notifier("log"), webhook: notifier("webhook"), slack: notifier("slack") },
    policies,
    retention,
    log,
    clock,
  };
  return assemble(modules, dependencies, guard("dead-letters", outside.deadLetters), log);
}

function assemble(
  modules: BelayModules,
  dependencies: PipelineDependencies,
  deadLetters: DeadLetters,
  log: Log,
): BelayApp {
  const { policies, clock, store, bus } = dependencies;
  const consumers = modules.consumers.createConsumers(dependencies);
  const timers = modules.timers.createTimers(dependencies);
  const readPolicy = modules.consumers.createPolicyReader(dependencies);
  const give = modules.command.createGiveCommand({ ...dependencies, readPolicy });
  const openReads = async () => dependencies;
  const office = modules.office.createDeadLetterOffice({ deadLetters, bus, clock, log, openReads });
  const assembled = modules.composition.assembleApp(configurationOf(policies), {
    deadLetters: async () => deadLetters,
    bus: async () => bus,
    store: async () => store,
    pipeline: async () => dependencies,
    clock,
    log,
  });
  const app = {
    ...assembled,
    consume: (queue: QueueName, body: unknown, id: string) => consumers[queue](body, id),
    tick: (timer: TimerName) => timers[timer](),
    deadLetterOffice: async () => office,
  };
  const replay = modules.deadLetterFunction.createDeadLetterReplay(app);
  const webhook = modules.webhookFunction.createMlflowWebhook(app);
  const queues = new Map(
    Object.keys(consumers).map((queue) => [queue, modules.queueFunction.createQueueFunction(app, queue as QueueName)]),
  );
  return {
    message: async (queue, body, id) => queues.get(queue)?.(body, contextOf(id)),
    tick: (timer) => modules.timerFunction.createTimerFunction(app, timer)({} as Timer, contextOf(timer)),
    webhook: async (delivery) => {
      const { status = 200, jsonBody } = await webhook(requestOf(delivery), contextOf(delivery.id));
      return { status, accepted: (jsonBody as { accepted?: boolean } | undefined)?.accepted === true };
    },
    command: give,
    replay: async (asked) => (await replay(replayRequestOf(asked), contextOf("replay"))).status ?? 200,
  };
}

/** The table's own errors, which its adapter turns into Belay's. */
const TABLE_ERRORS: CallErrors = {
  unanswered: () => Object.assign(new Error("socket hang up"), { code: "ECONNRESET" }),
  throttled: () => Object.assign(new Error("ServerBusy"), { code: "ServerBusy" }),
};

/** A probe never throws. */
const PROBE_ERRORS: CallErrors = {
  ...unanswered("The pod"),
  instead: () => ({ kind: "no-answer", reason: "no answer", latencyMs: 2_000 }),
};

const TEMPLATE = { hash: "template", files: [{ path: "Dockerfile", content: Buffer.from("FROM scratch") }] };

function configurationOf(policies: readonly TargetPolicy[]): Configuration {
  const secrets = [{ reveal: () => WEBHOOK_SECRET }];
  return { environment: { webhook: { secrets } }, policy: { targets: policies } } as unknown as Configuration;
}

const silent = () => undefined;

function contextOf(id: string): InvocationContext {
  const context = { invocationId: id, triggerMetadata: { messageId: id } };
  return { ...context, debug: silent, info: silent, warn: silent, error: silent } as unknown as InvocationContext;
}

function requestOf({
  rawBody,
  headers,
}: Delivery): Parameters<ReturnType<BelayModules["webhookFunction"]["createMlflowWebhook"]>>[0] {
  const bytes = new TextEncoder().encode(rawBody);
  const get = (name: string) => headers[name] ?? (name === "content-length" ? String(bytes.byteLength) : null);
  const request = { method: "POST", headers: { get }, arrayBuffer: async () => bytes.buffer };
  return request as unknown as ReturnType<typeof requestOf>;
}

function replayRequestOf(
  asked: ReplayBody,
): Parameters<ReturnType<BelayModules["deadLetterFunction"]["createDeadLetterReplay"]>>[0] {
  const request = { headers: { get: () => null }, query: { get: () => null }, text: async () => JSON.stringify(asked) };
  return request as unknown as ReturnType<typeof replayRequestOf>;
}
