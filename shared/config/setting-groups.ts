import * as z from "zod";
import { Secret } from "./secret.ts";
import { type SettingName, settings } from "./settings.ts";

/** Says which settings of a group were given, and which may be. */
function refuse(context: z.RefinementCtx, name: SettingName, found: string, allowed: string): never {
  context.addIssue({ code: "custom", path: [name], message: allowed, params: { found } });
  return z.NEVER;
}

const BUS = { ServiceBusConnection: true, ServiceBusConnection__fullyQualifiedNamespace: true } as const;

/** How the Service Bus is reached. */
export const bus = settings.pick(BUS).transform((given, context) => {
  const { ServiceBusConnection: connection, ServiceBusConnection__fullyQualifiedNamespace: namespace } = given;
  if (connection !== undefined && namespace === undefined)
    return { kind: "connection string" as const, connectionString: connection };
  if (namespace !== undefined && connection === undefined)
    return { kind: "identity" as const, fullyQualifiedNamespace: namespace };
  const allowed = "either ServiceBusConnection or ServiceBusConnection__fullyQualifiedNamespace";
  return refuse(context, "ServiceBusConnection", namespace === undefined ? "neither" : "both", allowed);
});

const TABLES = { TablesConnection: true, TablesConnection__tableServiceUri: true } as const;

/** How Table Storage is reached. */
export const tables = settings.pick(TABLES).transform((given, context) => {
  const { TablesConnection: connection, TablesConnection__tableServiceUri: address } = given;
  if (connection !== undefined && address === undefined)
    return { kind: "connection string" as const, connectionString: connection };
  if (address !== undefined && connection === undefined)
    return { kind: "identity" as const, tableServiceUri: withoutSlash(address) };
  const allowed = "either TablesConnection or TablesConnection__tableServiceUri";
  return refuse(context, "TablesConnection", address === undefined ? "neither" : "both", allowed);
});

const AZURE = {
  AZURE_TENANT_ID: true,
  AZURE_CLIENT_ID: true,
  AZURE_SUBSCRIPTION_ID: true,
  AZURE_RESOURCE_GROUP: true,
  AZURE_RESOURCE_MANAGER_ENDPOINT: true,
} as const;

/** The identity, and where registry and clusters lie. */
export const azure = settings.pick(AZURE).transform((given) => ({
  tenantId: given.AZURE_TENANT_ID,
  clientId: given.AZURE_CLIENT_ID,
  subscriptionId: given.AZURE_SUBSCRIPTION_ID,
  resourceGroup: given.AZURE_RESOURCE_GROUP,
  resourceManagerEndpoint: withoutSlash(given.AZURE_RESOURCE_MANAGER_ENDPOINT),
}));

const MLFLOW_CREDENTIALS = {
  MLFLOW_TRACKING_TOKEN: true,
  MLFLOW_TRACKING_USERNAME: true,
  MLFLOW_TRACKING_PASSWORD: true,
} as const;

/** The value of the Authorization header for MLflow; undefined: none is sent. */
export const mlflowAuthorization = settings.pick(MLFLOW_CREDENTIALS).transform((given, context) => {
  const { MLFLOW_TRACKING_TOKEN: token, MLFLOW_TRACKING_USERNAME: name, MLFLOW_TRACKING_PASSWORD: password } = given;
  if (token !== undefined && (name ?? password) !== undefined)
    return refuse(
      context,
      "MLFLOW_TRACKING_TOKEN",
      "a name or password beside it",
      "either a token, or name and password",
    );
  if (token !== undefined) return new Secret(`Bearer ${token}`);
  if (name === undefined && password === undefined) return undefined;
  if (name === undefined || password === undefined) {
    const missing = name === undefined ? "MLFLOW_TRACKING_USERNAME" : "MLFLOW_TRACKING_PASSWORD";
    return refuse(context, missing, "nothing", "name and password together");
  }
  return new Secret(`Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`);
});

const WEBHOOK = { MLFLOW_WEBHOOK_SECRET: true, MLFLOW_WEBHOOK_PREVIOUS_SECRETS: true } as const;

/** The secrets MLflow may sign with: the current, then the previous ones. */
export const webhook = settings.pick(WEBHOOK).transform((given) => ({
  secrets: [given.MLFLOW_WEBHOOK_SECRET, ...given.MLFLOW_WEBHOOK_PREVIOUS_SECRETS] as const,
}));

const NOTIFY = { NOTIFY_WEBHOOK_URL: true, NOTIFY_WEBHOOK_SECRET: true, SLACK_WEBHOOK_URL: true } as const;

/** The notifiers that are set up; the log always is. */
export const notify = settings.pick(NOTIFY).transform((given, context) => {
  const { NOTIFY_WEBHOOK_URL: address, NOTIFY_WEBHOOK_SECRET: secret, SLACK_WEBHOOK_URL: slack } = given;
  const others = slack === undefined ? {} : { slack: { address: slack } };
  if (address === undefined && secret === undefined) return others;
  if (address !== undefined && secret !== undefined) return { ...others, webhook: { address, secret } };
  const missing = address === undefined ? "NOTIFY_WEBHOOK_URL" : "NOTIFY_WEBHOOK_SECRET";
  return refuse(context, missing, "nothing", "address and secret together");
});

/** As the SDKs take it, which put paths behind it. */
function withoutSlash({ href }: URL): string {
  return href.replace(/\/$/, "");
}
