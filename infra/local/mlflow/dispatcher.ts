import { randomUUID } from "node:crypto";
import { type PreparedDelivery, prepareDelivery } from "./delivery.ts";
import { type EventName, exampleEvent, type RegistryEvent } from "./events.ts";
import type { Log } from "./http.ts";
import { type Attempt, type SenderDeps, type Sent, sendDelivery } from "./sender.ts";
import type { Webhook } from "./webhooks.ts";

/** What was or will be sent for one event to one webhook. */
export interface DeliveryRecord {
  /** The `X-MLflow-Delivery-Id`. */
  id: string;
  webhookId: string;
  event: RegistryEvent;
  /** Undefined until it is sent. */
  sent: PreparedDelivery | undefined;
  attempts: readonly Attempt[];
  /** `lost`: by `DeliveryControl.lose`, or queued or under way at the close. */
  outcome: { kind: "queued" } | { kind: "sending" } | { kind: "lost" } | Sent;
}

/** What MLflow's test endpoint tells. */
export interface TestResult {
  success: boolean;
  status?: number;
  body?: string;
  error?: string;
}

/** Makes deliveries misbehave, for tests and demonstrations. It acts on the deliveries of events that come after the call. */
export interface DeliveryControl {
  /** Never sends the next `which` deliveries, or every one the predicate picks (until `reset`). */
  lose(which: number | ((delivery: DeliveryRecord) => boolean)): void;
  /** Holds every delivery back so long before it is made and sent; 0 ends it. */
  delay(milliseconds: number): void;
  /** Sends each delivery so many times more, byte for byte; 0 ends it. */
  repeat(times: number): void;
  /** Holds the next deliveries until there are `count`, then sends them one by one, the last first. */
  reorder(count?: number): void;
  /** Back to normal; what `reorder` holds is sent. */
  reset(): void;
  /** Sends MLflow's example of the event (the webhook's first one by default), as its test endpoint does. */
  deliverTest(webhookId: string, event?: EventName): Promise<TestResult>;
}

export interface DispatcherDeps extends SenderDeps {
  subscribed: (event: EventName) => readonly Webhook[];
  webhook: (id: string) => Webhook;
  workspace: string | undefined;
  log: Log;
}

export interface Dispatcher {
  /** Queues a delivery for every webhook that subscribes. */
  emit(event: RegistryEvent): void;
  deliveries(): readonly DeliveryRecord[];
  control: DeliveryControl;
  /** Resolves once nothing is queued or under way; deliveries that `reorder` holds do not count. */
  settled(): Promise<void>;
  /** Drops what is queued or under way, as a restart of MLflow does. */
  close(): Promise<void>;
}

/** MLflow's pool: so many deliveries are under way at once. */
const WORKERS = 10;

/** Deliveries that are sent one after the other. */
type Job = readonly { delivery: DeliveryRecord; webhook: Webhook }[];

export function createDispatcher(deps: DispatcherDeps): Dispatcher {
  const deliveries: DeliveryRecord[] = [];
  const queue: Job[] = [];
  const running = new Set<Promise<void>>();
  const stop = new AbortController();
  const faults = createFaults();

  function pump(): void {
    while (running.size < WORKERS && !stop.signal.aborted) {
      const job = queue.shift();
      if (job === undefined) return;
      const work = runJob(job).finally(() => {
        running.delete(work);
        pump();
      });
      running.add(work);
    }
  }

  async function runJob(job: Job): Promise<void> {
    for (const { delivery, webhook } of job) {
      delivery.outcome = await deliver(delivery, webhook).catch((error: unknown) => {
        if (!stop.signal.aborted) throw error;
        return { kind: "lost" as const };
      });
      deps.log("mlflow-delivery", { id: delivery.id, webhookId: delivery.webhookId, outcome: delivery.outcome.kind });
    }
  }

  async function deliver(delivery: DeliveryRecord, webhook: Webhook): Promise<Sent> {
    const { delay, repeats } = faults;
    if (delay > 0) await deps.clock.sleep(delay, stop.signal);
    delivery.outcome = { kind: "sending" };
    let sent = await send(delivery, webhook);
    for (let again = 0; again < repeats; again += 1) sent = await send(delivery, webhook);
    return sent;
  }

  function send(delivery: DeliveryRecord, webhook: Webhook): Promise<Sent> {
    const { id, event } = delivery;
    const { workspace } = deps;
    delivery.sent ??= prepareDelivery({ id, event, sentAt: deps.clock.now(), workspace, secret: webhook.secret });
    const attempts: Attempt[] = [...delivery.attempts];
    delivery.attempts = attempts;
    return sendDelivery(deps, delivery.sent, webhook.url, (attempt) => attempts.push(attempt), stop.signal);
  }

  function record(webhook: Webhook, event: RegistryEvent): DeliveryRecord {
    const delivery: DeliveryRecord = {
      id: randomUUID(),
      webhookId: webhook.id,
      event,
      sent: undefined,
      attempts: [],
      outcome: { kind: "queued" },
    };
    deliveries.push(delivery);
    return delivery;
  }

  function enqueue(job: Job): void {
    queue.push(job);
    pump();
  }

  return {
    deliveries: () => deliveries,
    emit(event) {
      for (const webhook of deps.subscribed(event)) {
        const delivery = record(webhook, event);
        if (faults.takes(delivery)) delivery.outcome = { kind: "lost" };
        else for (const job of faults.hold({ delivery, webhook })) enqueue(job);
      }
    },
    control: {
      ...faults.control,
      reset() {
        for (const job of faults.reset()) enqueue(job);
      },
      async deliverTest(webhookId, name) {
        const webhook = deps.webhook(webhookId);
        const event = exampleEvent(name ?? webhook.events[0] ?? { entity: "", action: "" });
        const delivery = record(webhook, event);
        await runJob([{ delivery, webhook }]);
        return toTestResult(delivery);
      },
    },
    async settled() {
      while (running.size > 0) await Promise.all(running);
    },
    async close() {
      stop.abort();
      for (const { delivery } of [...queue.splice(0), ...faults.reset()].flat()) delivery.outcome = { kind: "lost" };
      await Promise.all(running);
    },
  };
}

function toTestResult({ outcome }: DeliveryRecord): TestResult {
  if (outcome.kind === "answered") return { success: outcome.status < 400, status: outcome.status, body: outcome.body };
  const reason = outcome.kind === "failed" ? outcome.error : outcome.kind;
  return { success: false, error: `Failed to test webhook: ${reason}` };
}

/** The state behind `DeliveryControl`. */
function createFaults() {
  let lose: (delivery: DeliveryRecord) => boolean = () => false;
  let held: Job[number][] = [];
  let holdUntil = 0;
  const state = {
    delay: 0,
    repeats: 0,
    takes: (delivery: DeliveryRecord): boolean => lose(delivery),
    /** The jobs that are due now that one more delivery came. */
    hold(next: Job[number]): Job[] {
      if (holdUntil === 0) return [[next]];
      held.push(next);
      return held.length < holdUntil ? [] : state.release();
    },
    release(): Job[] {
      const job = held.toReversed();
      held = [];
      holdUntil = 0;
      return job.length === 0 ? [] : [job];
    },
    reset(): Job[] {
      Object.assign(state, { delay: 0, repeats: 0 });
      lose = () => false;
      return state.release();
    },
    control: {
      lose(which: number | ((delivery: DeliveryRecord) => boolean)): void {
        let left = typeof which === "number" ? which : 0;
        lose = typeof which === "number" ? () => left-- > 0 : which;
      },
      delay(milliseconds: number): void {
        state.delay = milliseconds;
      },
      repeat(times: number): void {
        state.repeats = times;
      },
      reorder(count = 2): void {
        holdUntil = count;
      },
    },
  };
  return state;
}
