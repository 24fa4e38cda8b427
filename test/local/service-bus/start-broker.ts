import {
  type ServiceBusClient as Client,
  type RetryOptions,
  ServiceBusClient,
  type ServiceBusReceivedMessage,
} from "@azure/service-bus";
import { createServiceBusBroker, type ServiceBusBroker } from "../../../infra/local/service-bus/broker.ts";
import type { QueueProperties } from "../../../infra/local/service-bus/properties.ts";

const KEY = "c2VjcmV0";

export interface StartedBroker {
  readonly broker: ServiceBusBroker;
  readonly client: Client;
  stop(): Promise<void>;
}

/** A broker on a free port and an SDK client that does not try again. */
export async function startBroker(queues: Record<string, QueueProperties>): Promise<StartedBroker> {
  const broker = createServiceBusBroker({ queues, sharedAccessKey: KEY });
  await broker.listen();
  const client = connect(broker.connectionString);
  return {
    broker,
    client,
    async stop() {
      await client.close();
      await broker.close();
    },
  };
}

/** An SDK client, which does not try again unless it is told to. */
export function connect(
  connectionString: string,
  retryOptions: RetryOptions = { maxRetries: 0, timeoutInMs: 5000 },
): Client {
  return new ServiceBusClient(connectionString, { retryOptions });
}

/** What a receiver is, as far as these tests need it. */
interface Receiver {
  receiveMessages(count: number, options: { maxWaitTimeInMs: number }): Promise<ServiceBusReceivedMessage[]>;
}

/** One message; fails if none comes in two seconds. */
export async function receiveOne(receiver: Receiver): Promise<ServiceBusReceivedMessage> {
  const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 2000 });
  if (message === undefined) throw new Error("no message came");
  return message;
}

/** So many messages, however the SDK cuts them up; fails if two seconds pass without one. */
export async function receiveMany(receiver: Receiver, count: number): Promise<ServiceBusReceivedMessage[]> {
  const all: ServiceBusReceivedMessage[] = [];
  while (all.length < count) {
    const some = await receiver.receiveMessages(Math.min(count - all.length, 250), { maxWaitTimeInMs: 2000 });
    if (some.length === 0) throw new Error(`only ${all.length} of ${count} messages came`);
    all.push(...some);
  }
  return all;
}
