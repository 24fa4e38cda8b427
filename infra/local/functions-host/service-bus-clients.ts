import type { RetryOptions, ServiceBusClient } from "@azure/service-bus";
import { type Environment, resolveServiceBusConnection } from "./app-settings.ts";
import type { ServiceBusSettings } from "./host-json.ts";

/** One client, and so one AMQP connection, for each connection name. */
export interface ServiceBusClients {
  /** Throws when the settings of that connection are missing. */
  get(connection: string): Promise<ServiceBusClient>;
  close(): Promise<void>;
}

export function createServiceBusClients(
  environment: Environment,
  retry: ServiceBusSettings["retry"],
): ServiceBusClients {
  const clients = new Map<string, Promise<ServiceBusClient>>();
  return {
    get(connection) {
      const client = clients.get(connection) ?? connect(connection, environment, retry);
      clients.set(connection, client);
      return client;
    },
    async close() {
      await Promise.all([...clients.values()].map(async (client) => (await client).close()));
      clients.clear();
    },
  };
}

async function connect(
  name: string,
  environment: Environment,
  retry: ServiceBusSettings["retry"],
): Promise<ServiceBusClient> {
  const connection = resolveServiceBusConnection(name, environment);
  // Loaded here: an app without queues need not wait for the SDK.
  const { RetryMode, ServiceBusClient } = await import("@azure/service-bus");
  const retryOptions: RetryOptions = {
    mode: retry.mode === "fixed" ? RetryMode.Fixed : RetryMode.Exponential,
    timeoutInMs: retry.tryTimeoutMilliseconds,
    retryDelayInMs: retry.delayMilliseconds,
    maxRetryDelayInMs: retry.maxDelayMilliseconds,
    maxRetries: retry.maxRetries,
  };
  if (connection.kind === "connection string")
    return new ServiceBusClient(connection.connectionString, { retryOptions });
  const { DefaultAzureCredential } = await import("@azure/identity");
  const options = connection.clientId === undefined ? {} : { managedIdentityClientId: connection.clientId };
  return new ServiceBusClient(connection.fullyQualifiedNamespace, new DefaultAzureCredential(options), {
    retryOptions,
  });
}
