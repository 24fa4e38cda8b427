import type { ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import type { InFlight } from "./in-flight.ts";
import { describeError, type Outcome } from "./invoker.ts";
import { keepLocked } from "./lock-renewal.ts";
import type { Log } from "./log.ts";
import { fromServiceBusMessage, fromText } from "./queue-message.ts";
import type { InvocationInput } from "./rpc.ts";

export interface QueueListener {
  /** Begins to receive; what keeps it from receiving is logged, and tried again by the SDK. */
  start(): void;
  /** Runs the function with this text as the body of a message that no queue holds. */
  fire(input: string | undefined): Promise<void>;
  /** Asks for no further message; those under way go on. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

export interface QueueListenerDeps {
  readonly name: string;
  readonly queueName: string;
  readonly client: ServiceBusClient;
  readonly maxConcurrentCalls: number;
  readonly maxAutoLockRenewalMilliseconds: number;
  readonly autoComplete: boolean;
  readonly run: (input: InvocationInput, reason: string) => Promise<Outcome>;
  readonly inFlight: InFlight;
  readonly log: Log;
}

/** Runs a function for each message of a queue: success completes the message, an error gives it back at once. */
export function createQueueListener(deps: QueueListenerDeps): QueueListener {
  const about = { category: `Function.${deps.name}`, functionName: deps.name };
  // One receiver for each concurrent call: rhea 3.0.5 merges neighbouring dispositions of one link, so that an abandoned
  // message beside a completed one would be completed too, and lost.
  const receivers: ServiceBusReceiver[] = [];
  const subscriptions: { close(): Promise<void> }[] = [];

  async function settle(what: string, settled: Promise<void>): Promise<void> {
    try {
      await settled;
    } catch (error) {
      deps.log({
        ...about,
        level: "warning",
        message: `A message was not ${what}, so it will come again: ${describeError(error)}`,
      });
    }
  }

  async function handle(receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage): Promise<void> {
    const warn = (error: unknown) =>
      deps.log({
        ...about,
        level: "warning",
        message: `The lock of a message was not renewed: ${describeError(error)}`,
      });
    const stopRenewal = keepLocked(receiver, message, deps.maxAutoLockRenewalMilliseconds, warn);
    const outcome = await runMessage(message);
    stopRenewal();
    if (!outcome.ok) await settle("abandoned", receiver.abandonMessage(message));
    else if (deps.autoComplete) await settle("completed", receiver.completeMessage(message));
  }

  async function runMessage(message: ServiceBusReceivedMessage): Promise<Outcome> {
    try {
      return await deps.run(
        fromServiceBusMessage(message),
        `(null) New ServiceBus message detected on '${deps.queueName}'.`,
      );
    } catch (error) {
      deps.log({ ...about, level: "error", message: describeError(error) });
      return { ok: false, error };
    }
  }

  function subscribe(): void {
    const receiver = deps.client.createReceiver(deps.queueName, {
      maxAutoLockRenewalDurationInMs: 0,
      skipParsingBodyAsJson: true,
    });
    receivers.push(receiver);
    const handlers = {
      processMessage: (message: ServiceBusReceivedMessage) => deps.inFlight.track(handle(receiver, message)),
      processError: async ({ error }: { error: Error }) =>
        deps.log({
          ...about,
          level: "warning",
          message: `Receiving from '${deps.queueName}': ${error.message}`,
        }),
    };
    subscriptions.push(receiver.subscribe(handlers, { autoCompleteMessages: false, maxConcurrentCalls: 1 }));
  }

  return {
    start() {
      for (let call = 0; call < deps.maxConcurrentCalls; call += 1) subscribe();
    },
    async fire(input) {
      await deps.run(fromText(input ?? ""), "This function was programmatically called via the host APIs.");
    },
    async drain() {
      await Promise.all(subscriptions.map((subscription) => subscription.close()));
    },
    async close() {
      await Promise.all(receivers.map((receiver) => receiver.close()));
    },
  };
}
