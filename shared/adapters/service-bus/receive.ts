import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { within } from "./client.ts";
import { asked } from "./receiver.ts";

const SETTLE_MS = 5_000;
/** As many messages are held at once while one of them is looked for. */
const MAX_HELD = 100;
/** The wait for a message that is there but locked by somebody else. */
const RECEIVE_MS = 1_000;

/**
 * Receives until the one that is looked for comes, and completes it once `handle` is done. Everything else is given
 * back, which counts as a delivery of it. False: it does not come. Throws TransientError, PermanentError, what `handle`
 * throws.
 */
export async function receiveOne(
  receiver: ServiceBusReceiver,
  isIt: (message: ServiceBusReceivedMessage) => boolean,
  handle: (message: ServiceBusReceivedMessage) => Promise<void>,
  until: AbortSignal,
): Promise<boolean> {
  const held: ServiceBusReceivedMessage[] = [];
  try {
    const message = await find(receiver, isIt, held, until);
    if (message === undefined) return false;
    await handle(message);
    await asked(() => receiver.completeMessage(message), AbortSignal.timeout(SETTLE_MS));
    held.splice(held.indexOf(message), 1);
    return true;
  } finally {
    // Not together with the completed one: rhea sends one disposition for neighbours that are settled at once.
    await giveBack(receiver, held);
  }
}

async function find(
  receiver: ServiceBusReceiver,
  isIt: (message: ServiceBusReceivedMessage) => boolean,
  held: ServiceBusReceivedMessage[],
  until: AbortSignal,
): Promise<ServiceBusReceivedMessage | undefined> {
  const options = { maxWaitTimeInMs: RECEIVE_MS, abortSignal: until };
  while (held.length < MAX_HELD) {
    // One by one: of several the SDK would wait a second for those that do not come.
    const [message] = await asked(() => receiver.receiveMessages(1, options), until);
    if (message === undefined) return undefined;
    held.push(message);
    if (isIt(message)) return message;
  }
  return undefined;
}

/** What cannot be given back comes back by itself when its lock ends. */
async function giveBack(receiver: ServiceBusReceiver, held: readonly ServiceBusReceivedMessage[]): Promise<void> {
  const settled = (work: Promise<void>) => within(work, AbortSignal.timeout(SETTLE_MS));
  await Promise.allSettled(held.map((message) => settled(receiver.abandonMessage(message))));
  await Promise.allSettled([settled(receiver.close())]);
}
