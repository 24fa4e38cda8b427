import {
  isServiceBusError,
  type ServiceBusClient,
  type ServiceBusMessage,
  type ServiceBusSender,
} from "@azure/service-bus";
import { PermanentError, TransientError } from "../../domain/errors.ts";
import type { MessageBus, OutgoingMessage } from "../../ports/message-bus.ts";
import { clientOnce, within } from "./client.ts";

/** One send may take this long; a webhook must be answered within 5 s. */
const SEND_MS = 4_000;

/** Longest message id the bus takes. */
const MAX_ID = 128;

/** Codes after which the same send would be refused again. */
const PERMANENT = new Set(["MessagingEntityNotFound", "MessageSizeExceeded", "MessagingEntityDisabled"]);

/** Sends through Azure Service Bus: one client, one cached sender a queue. */
export function createServiceBus(openClient: () => Promise<ServiceBusClient>): MessageBus {
  const senders = new Map<string, Promise<ServiceBusSender>>();
  const client = clientOnce(openClient);
  const senderOf = (queue: string) => {
    const known = senders.get(queue);
    if (known !== undefined) return known;
    const opened = client().then((one) => one.createSender(queue));
    senders.set(queue, opened);
    opened.catch(() => senders.delete(queue));
    return opened;
  };
  return {
    send: async (messages, signal) => {
      for (const { id } of messages) checkId(id);
      const limit = AbortSignal.timeout(SEND_MS);
      const abortSignal = signal === undefined ? limit : AbortSignal.any([signal, limit]);
      for (const [queue, group] of groupByQueue(messages)) {
        try {
          const sender = await within(senderOf(queue), abortSignal);
          await within(sender.sendMessages(group.map(toServiceBusMessage), { abortSignal }), abortSignal);
        } catch (error) {
          throw classifyBusError(error);
        }
      }
    },
    ping: async (signal) => {
      // Opens the link, which needs the namespace, the queue and the right to send.
      await within(
        senderOf("poison").then((sender) => sender.createMessageBatch({ abortSignal: signal })),
        signal,
      ).catch((error: unknown) => {
        throw classifyBusError(error);
      });
    },
  };
}

/** The SDK's own refusal looks like any other failure. */
function checkId(id: string): void {
  if (id.length > MAX_ID) throw new PermanentError("unexpected", `A message's id has ${id.length} characters.`);
}

function groupByQueue(messages: readonly OutgoingMessage[]): ReadonlyMap<string, readonly OutgoingMessage[]> {
  return Map.groupBy(messages, ({ queue }) => queue);
}

function toServiceBusMessage({ id, body, at }: OutgoingMessage): ServiceBusMessage {
  return {
    messageId: id,
    body,
    contentType: "application/json",
    ...(at === undefined || at <= Date.now() ? {} : { scheduledEnqueueTimeUtc: new Date(at) }),
  };
}

/** The bus's error as ours, by code; the number in its text is not to be relied on. `role`: what the call needs. */
export function classifyBusError(error: unknown, role = "Azure Service Bus Data Sender"): Error {
  // What the SDK throws after its last attempt: the errors of all of them.
  if (error instanceof AggregateError) return classifyBusError(error.errors.at(-1), role);
  if (!isServiceBusError(error))
    return new TransientError("unreachable", "The Service Bus gave no answer.", { cause: error });
  if (PERMANENT.has(error.code))
    return new PermanentError("configuration-wrong", `The Service Bus refused what was asked: ${error.code}.`);
  if (error.code === "UnauthorizedAccess")
    return new TransientError(
      "access-denied",
      `The Service Bus refused access: give the app's identity the role ${role} on the namespace.`,
    );
  return new TransientError("unreachable", `The Service Bus could not do what was asked: ${error.code}.`);
}
