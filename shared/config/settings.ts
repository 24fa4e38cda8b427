import { delimiter } from "node:path";
import * as z from "zod";
import {
  address,
  connectionString,
  guid,
  matching,
  schedule,
  secretAddress,
  setting,
  sharedSecret,
  sharedSecrets,
} from "./setting-values.ts";

/** What a problem with a setting says: what to do about it, and whether its value may be shown. */
interface About {
  remedy: string;
  secret: boolean;
}

const abouts = z.registry<About>();

function shown<T extends z.ZodType>(schema: T, remedy: string): T {
  abouts.add(schema, { remedy, secret: false });
  return schema;
}

function secret<T extends z.ZodType>(schema: T, remedy: string): T {
  abouts.add(schema, { remedy, secret: true });
  return schema;
}

export const DEFAULT_POLICY = "delivery.yaml";

/** Every setting of the app by its name, which is that of whoever owns it: Functions, Azure, MLflow, Kubernetes, or us. */
export const settings = z.object({
  AzureWebJobsStorage: secret(setting("a storage connection string").optional(), "Set it as the Functions host asks."),
  FUNCTIONS_WORKER_RUNTIME: shown(matching(/^node$/, "node").optional(), "Set it to node."),
  APPLICATIONINSIGHTS_CONNECTION_STRING: secret(
    connectionString(/^InstrumentationKey=/i, "InstrumentationKey=…;…").optional(),
    "Copy it from the Application Insights resource, or leave it out.",
  ),

  ServiceBusConnection: secret(
    connectionString(/^Endpoint=sb:\/\/[^;]/i, "Endpoint=sb://…;…").optional(),
    "Copy it from the Service Bus namespace, or better set ServiceBusConnection__fullyQualifiedNamespace.",
  ),
  ServiceBusConnection__fullyQualifiedNamespace: shown(
    matching(
      /^[a-z0-9][a-z0-9.-]{2,252}$/i,
      "a host name without scheme, such as name.servicebus.windows.net",
    ).optional(),
    "Set it to the Service Bus namespace's host name.",
  ),
  TablesConnection: secret(
    connectionString(/^UseDevelopmentStorage=true|(AccountName|TableEndpoint)=[^;]/i, "AccountName=…;…").optional(),
    "Copy it from the storage account, or better set TablesConnection__tableServiceUri.",
  ),
  TablesConnection__tableServiceUri: shown(
    address("an address such as https://name.table.core.windows.net").optional(),
    "Set it to the address of the storage account's tables.",
  ),

  AZURE_TENANT_ID: shown(guid("tenant").optional(), "Copy it from the Entra tenant, or leave it out."),
  AZURE_CLIENT_ID: shown(guid("managed identity").optional(), "Copy the client id of the app's own identity."),
  AZURE_SUBSCRIPTION_ID: shown(guid("subscription"), "Set it to the subscription of registry and clusters."),
  AZURE_RESOURCE_GROUP: shown(
    matching(/^[\w.()-]{0,89}[\w()-]$/, "the name of a resource group"),
    "Set it to the resource group of registry and clusters.",
  ),
  AZURE_RESOURCE_MANAGER_ENDPOINT: shown(
    address("an address such as https://management.azure.com").default(new URL("https://management.azure.com")),
    "Leave it out, unless it is another cloud's.",
  ),
  AZURE_CONTAINER_REGISTRY_NAME: shown(
    matching(/^[a-z0-9]{5,50}$/i, "the name of a container registry: 5 to 50 letters and digits"),
    "Set it to the name of the registry that builds the images.",
  ),
  AZURE_CONTAINER_REGISTRY_ENDPOINT: shown(
    matching(/^[a-z0-9][a-z0-9.-]{0,252}(:\d{1,5})?$/i, "a host name without scheme, such as name.azurecr.io"),
    "Set it to the registry's login server.",
  ),
  AZURE_AKS_CLUSTER_NAME: shown(
    matching(/^[\w-]{1,63}$/, "the name of an AKS cluster").optional(),
    "Set it to the cluster of the targets that name none.",
  ),
  KUBECONFIG: shown(
    setting("the path of one file")
      .refine((path) => !path.includes(delimiter), { error: "the path of one file" })
      .optional(),
    "Set it to the kubeconfig of the clusters outside of AKS.",
  ),

  MLFLOW_TRACKING_URI: shown(
    address("an http or https address without user and password"),
    "Set it to MLflow's address; credentials go into MLFLOW_TRACKING_TOKEN, or _USERNAME and _PASSWORD.",
  ),
  MLFLOW_TRACKING_TOKEN: secret(setting("a token").optional(), "Set it, or MLFLOW_TRACKING_USERNAME and _PASSWORD."),
  MLFLOW_TRACKING_USERNAME: shown(
    matching(/^[^:]+$/, "a name without colon").optional(),
    "Set it together with MLFLOW_TRACKING_PASSWORD, or only MLFLOW_TRACKING_TOKEN.",
  ),
  MLFLOW_TRACKING_PASSWORD: secret(
    setting("a password").optional(),
    "Set it together with MLFLOW_TRACKING_USERNAME, or only MLFLOW_TRACKING_TOKEN.",
  ),
  MLFLOW_WEBHOOK_SECRET: secret(sharedSecret(), "Set it to the secret of the webhook in MLflow."),
  MLFLOW_WEBHOOK_PREVIOUS_SECRETS: secret(
    sharedSecrets().default([]),
    "Set it to the secrets that MLflow may still sign with, for some minutes after a change.",
  ),

  RECONCILE_SCHEDULE: shown(schedule().default("0 */2 * * * *"), "Leave it out for every two minutes, UTC."),
  SWEEP_SCHEDULE: shown(schedule().default("30 */5 * * * *"), "Leave it out for every five minutes, UTC."),
  DAILY_CHECK_SCHEDULE: shown(schedule().default("0 0 2 * * *"), "Leave it out for 02:00 UTC every day."),

  DELIVERY_POLICY: shown(setting("a path").default(DEFAULT_POLICY), "Set it to the path of the delivery policy."),
  NOTIFY_WEBHOOK_URL: secret(
    secretAddress("an http or https address").optional(),
    "Set it together with NOTIFY_WEBHOOK_SECRET, or leave both out.",
  ),
  NOTIFY_WEBHOOK_SECRET: secret(
    sharedSecret().optional(),
    "Set it together with NOTIFY_WEBHOOK_URL, or leave both out.",
  ),
  SLACK_WEBHOOK_URL: secret(
    secretAddress("the address of an incoming webhook").optional(),
    "Copy it from the Slack app, or leave it out.",
  ),
});

export type SettingName = keyof typeof settings.shape;

/** Every setting's name. */
export const SETTING_NAMES: readonly string[] = Object.keys(settings.shape);

/** What to do about a setting, and whether it holds a secret. */
export function aboutSetting(name: SettingName): About {
  return abouts.get(settings.shape[name]) ?? { remedy: "Correct it.", secret: true };
}

export function isSetting(name: unknown): name is SettingName {
  return typeof name === "string" && Object.hasOwn(settings.shape, name);
}
