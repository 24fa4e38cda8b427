import type { ServiceBusClient, ServiceBusReceiver } from "@azure/service-bus";
import { within } from "./client.ts";
import type { Place } from "./from-set-aside.ts";
import { classifyBusError } from "./message-bus.ts";

/** Looks at, and takes from, one place; nothing is connected before its first use. */
export function openReceiver(client: ServiceBusClient, { kind, queue }: Place): ServiceBusReceiver {
  return client.createReceiver(queue, {
    receiveMode: "peekLock",
    maxAutoLockRenewalDurationInMs: 0,
    // The bytes say how large a body is, and what is no JSON is to be seen as it is.
    skipParsingBodyAsJson: true,
    ...(kind === "dead-letter" ? { subQueueType: "deadLetter" } : {}),
  });
}

/** What the SDK is asked for, until the signal ends the waiting. Throws TransientError, PermanentError. */
export async function asked<T>(ask: () => Promise<T>, until: AbortSignal): Promise<T> {
  try {
    return await within(ask(), until);
  } catch (error) {
    throw classifyBusError(error, "Azure Service Bus Data Receiver");
  }
}
