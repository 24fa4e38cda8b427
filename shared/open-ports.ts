import { resolve } from "node:path";
import type { TokenCredential } from "@azure/identity";
import { systemClock } from "./adapters/clock/system-clock.ts";
import { readSourceTemplate } from "./adapters/files/source-template.ts";
import { log } from "./adapters/telemetry/log.ts";
import type { Configuration } from "./config/configuration.ts";
import type { Environment } from "./config/environment.ts";
import { readManifests } from "./config/read-manifests.ts";
import { createNotifiers, type NotifierSettings } from "./notifiers/index.ts";
import type { DeadLetters } from "./ports/dead-letters.ts";
import type { DeploymentStore } from "./ports/deployment-store.ts";
import type { MessageBus } from "./ports/message-bus.ts";
import type { PipelineDependencies } from "./steps/consumers.ts";

/** Sends to the bus; the SDK is loaded with the first message. */
export async function openBus(environment: Environment, credential: TokenCredential): Promise<MessageBus> {
  const { createServiceBus } = await import("./adapters/service-bus/message-bus.ts");
  return createServiceBus(() => openBusClient(environment, credential));
}

/** Looks at what was set aside of these queues; it connects with the first look. */
export async function openDeadLetters(
  environment: Environment,
  credential: TokenCredential,
  queues: readonly string[],
): Promise<DeadLetters> {
  const { createDeadLetters } = await import("./adapters/service-bus/dead-letters.ts");
  return createDeadLetters(() => openBusClient(environment, credential), queues);
}

async function openBusClient({ bus }: Environment, credential: TokenCredential) {
  const { ServiceBusClient } = await import("@azure/service-bus");
  // The SDK's own waits are 30 s; a webhook is decided within 5.
  const options = { retryOptions: { maxRetries: 2, retryDelayInMs: 300, timeoutInMs: 3_000 } };
  return bus.kind === "connection string"
    ? new ServiceBusClient(bus.connectionString.reveal(), options)
    : new ServiceBusClient(bus.fullyQualifiedNamespace, credential, options);
}

/** A whole page of rows, and some more. */
const TABLE_LIMITS = { timeoutMs: 10_000, maxBytes: 64 * 1024 * 1024 };

/** The table, which is created where it does not exist. */
export async function openStore({ tables }: Environment, credential: TokenCredential): Promise<DeploymentStore> {
  const [{ TableClient }, { createTableStore, ensureTable }, { limitedOptions }] = await Promise.all([
    import("@azure/data-tables"),
    import("./adapters/tables/deployment-store.ts"),
    import("./adapters/azure/limits.ts"),
  ]);
  const name = "deployments";
  // A stand-in's connection string names an http address; an identity's token never goes over one.
  const client =
    tables.kind === "connection string"
      ? TableClient.fromConnectionString(tables.connectionString.reveal(), name, {
          ...limitedOptions(TABLE_LIMITS),
          allowInsecureConnection: true,
        })
      : new TableClient(tables.tableServiceUri, name, credential, limitedOptions(TABLE_LIMITS));
  await ensureTable(client);
  return createTableStore(client, systemClock);
}

/** Everything the queue functions work with. */
export async function openPipeline(
  { environment, policy }: Configuration,
  credential: TokenCredential,
  store: DeploymentStore,
  bus: MessageBus,
): Promise<PipelineDependencies> {
  const { azure, containerRegistry, mlflow } = environment;
  const [acr, images, arm, clusters, registry, http] = await Promise.all([
    import("./adapters/container-registry/image-builder.ts"),
    import("./adapters/container-registry/image-registry.ts"),
    import("./adapters/azure/resource-manager.ts"),
    import("./adapters/kubernetes/open-cluster.ts"),
    import("./adapters/mlflow/model-registry.ts"),
    import("./adapters/mlflow/mlflow-http.ts"),
  ]);
  const resourceManager = { subscriptionId: azure.subscriptionId, endpoint: azure.resourceManagerEndpoint, credential };
  return {
    store,
    bus,
    registry: registry.createMlflowRegistry(http.createMlflowHttp(mlflow.trackingUri, mlflow.authorization?.reveal())),
    builder: acr.createAcrBuilder({
      client: arm.openRegistryManagement(resourceManager),
      ...azure,
      registryName: containerRegistry.name,
    }),
    images: images.createAcrImages({ endpoint: containerRegistry.endpoint, credential }),
    openCluster: clusters.createOpenCluster({ kubeconfigPath: environment.kubeconfig, arm: resourceManager }),
    readTemplate: ({ build }) => readSourceTemplate(resolve(policy.folder, build.template)),
    readManifests: ({ rollout }) => readManifests(resolve(policy.folder, rollout.manifests)),
    notifiers: createNotifiers({ log, now: systemClock.now, ...notifierSettings(environment) }),
    policies: policy.targets,
    retention: policy.retention,
    log,
    clock: systemClock,
  };
}

/** The notifiers' secrets, revealed for the ones that send with them. */
function notifierSettings({ notify }: Environment): Pick<NotifierSettings, "webhook" | "slack"> {
  const webhook = "webhook" in notify ? notify.webhook : undefined;
  const slack = "slack" in notify ? notify.slack : undefined;
  return {
    ...(webhook === undefined
      ? {}
      : { webhook: { address: new URL(webhook.address.reveal()), secret: webhook.secret.reveal() } }),
    ...(slack === undefined ? {} : { slack: { address: new URL(slack.address.reveal()) } }),
  };
}
