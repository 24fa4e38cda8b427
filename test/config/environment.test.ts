import { delimiter } from "node:path";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { ConfigurationError } from "../../shared/config/configuration-error.ts";
import { checkEnvironment, toPolicySettings, type Variables } from "../../shared/config/environment.ts";
import { ENOUGH } from "./variables.ts";

/** What is wrong with the settings that suffice when these are changed. */
const problemsWith = (changes: Variables) =>
  new ConfigurationError(checkEnvironment({ ...ENOUGH, ...changes }).problems).problems;

/** The settings that suffice, with these changed. */
function read(changes: Variables = {}) {
  const { environment, problems } = checkEnvironment({ ...ENOUGH, ...changes });
  if (environment === undefined) throw new ConfigurationError(problems);
  return environment;
}

describe("the settings that suffice", () => {
  test("become one object, defaults filled in", () => {
    const environment = read();
    expect(environment).toMatchObject({
      bus: { kind: "identity", fullyQualifiedNamespace: "sb-belay.servicebus.windows.net" },
      tables: { kind: "identity", tableServiceUri: "https://stbelay.table.core.windows.net" },
      azure: {
        subscriptionId: "00000000-0000-0000-0000-000000000000",
        resourceGroup: "rg-belay",
        resourceManagerEndpoint: "https://management.azure.com",
        tenantId: undefined,
        clientId: undefined,
      },
      containerRegistry: { name: "crbelay", endpoint: "crbelay.azurecr.io" },
      aksClusterName: "aks-belay",
      kubeconfig: undefined,
      mlflow: { trackingUri: new URL("http://127.0.0.1:5000/"), authorization: undefined },
      deliveryPolicy: "delivery.yaml",
      notify: {},
    });
    expect(environment.webhook.secrets.map((secret) => secret.reveal())).toEqual(["hunter2-hunter2-hunter2"]);
  });

  test("empty counts as absent", () => {
    expect(read({ ServiceBusConnection: "", KUBECONFIG: "  ", SLACK_WEBHOOK_URL: "", DELIVERY_POLICY: "" })).toEqual(
      read(),
    );
    expect(problemsWith({ MLFLOW_WEBHOOK_SECRET: "" })).toMatchObject([
      { where: "MLFLOW_WEBHOOK_SECRET", found: "nothing" },
    ]);
  });

  test("other variables are left aside", () => {
    expect(read({ PATH: "/bin", constructor: "x", SERVICEBUSCONNECTION: "y" })).toEqual(read());
  });
});

describe("what may be given instead", () => {
  test("connection strings", () => {
    const { bus, tables } = read({
      ServiceBusConnection__fullyQualifiedNamespace: undefined,
      ServiceBusConnection:
        "Endpoint=sb://127.0.0.1:5672/;SharedAccessKeyName=a;SharedAccessKey=hunter2;UseDevelopmentEmulator=true",
      TablesConnection__tableServiceUri: undefined,
      TablesConnection:
        "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=hunter2;TableEndpoint=http://127.0.0.1:1/x",
    });
    expect(bus.kind === "connection string" && bus.connectionString.reveal()).toContain("SharedAccessKey=hunter2");
    expect(tables.kind === "connection string" && tables.connectionString.reveal()).toContain("AccountKey=hunter2");
  });

  test("a token or a name with a password for MLflow", () => {
    const header = (changes: Variables) => read(changes).mlflow.authorization?.reveal();
    expect(header({ MLFLOW_TRACKING_TOKEN: "hunter2" })).toBe("Bearer hunter2");
    expect(header({ MLFLOW_TRACKING_USERNAME: "ada", MLFLOW_TRACKING_PASSWORD: "p:ä" })).toBe(
      `Basic ${Buffer.from("ada:p:ä").toString("base64")}`,
    );
  });

  test("previous secrets, after the current one", () => {
    const { secrets } = read({ MLFLOW_WEBHOOK_PREVIOUS_SECRETS: "first-previous-one, second-previous-one" }).webhook;
    expect(secrets.map((secret) => secret.reveal())).toEqual([
      "hunter2-hunter2-hunter2",
      "first-previous-one",
      "second-previous-one",
    ]);
  });

  test("notifiers", () => {
    const { notify } = read({
      NOTIFY_WEBHOOK_URL: "https://example.com/hook?code=hunter2",
      NOTIFY_WEBHOOK_SECRET: "hunter2-hunter2-hunter2",
      SLACK_WEBHOOK_URL: "https://hooks.slack.com/services/hunter2",
    });
    expect("webhook" in notify && notify.webhook.address.reveal()).toBe("https://example.com/hook?code=hunter2");
    expect("slack" in notify && notify.slack.address.reveal()).toBe("https://hooks.slack.com/services/hunter2");
  });

  test("another Resource Manager, without the slash that paths bring along", () => {
    const { azure } = read({ AZURE_RESOURCE_MANAGER_ENDPOINT: "http://127.0.0.1:4000/" });
    expect(azure.resourceManagerEndpoint).toBe("http://127.0.0.1:4000");
  });

  test("a registry with a port", () => {
    expect(read({ AZURE_CONTAINER_REGISTRY_ENDPOINT: "127.0.0.1:5001" }).containerRegistry.endpoint).toBe(
      "127.0.0.1:5001",
    );
  });
});

describe("what is wrong is told by the setting's name, with what is allowed and what to do", () => {
  test.each<{ changes: Variables; where: string; found: string; allowed: string }>([
    {
      changes: { ServiceBusConnection: "Endpoint=sb://x;k=hunter2" },
      where: "ServiceBusConnection",
      found: "both",
      allowed: "either",
    },
    {
      changes: { ServiceBusConnection__fullyQualifiedNamespace: "" },
      where: "ServiceBusConnection",
      found: "neither",
      allowed: "either",
    },
    {
      changes: { ServiceBusConnection__fullyQualifiedNamespace: "sb://x.net/" },
      where: "ServiceBusConnection__fullyQualifiedNamespace",
      found: '"sb://x.net/"',
      allowed: "without scheme",
    },
    {
      changes: { ServiceBusConnection: "hunter2", ServiceBusConnection__fullyQualifiedNamespace: "" },
      where: "ServiceBusConnection",
      found: "a value (not shown)",
      allowed: "Endpoint=sb://",
    },
    {
      changes: { TablesConnection: "AccountName=x;AccountKey=hunter2" },
      where: "TablesConnection",
      found: "both",
      allowed: "either",
    },
    {
      changes: { TablesConnection__tableServiceUri: "" },
      where: "TablesConnection",
      found: "neither",
      allowed: "either",
    },
    {
      changes: { TablesConnection__tableServiceUri: "stbelay" },
      where: "TablesConnection__tableServiceUri",
      found: '"stbelay"',
      allowed: "an address",
    },
    {
      changes: { AZURE_SUBSCRIPTION_ID: undefined },
      where: "AZURE_SUBSCRIPTION_ID",
      found: "nothing",
      allowed: "GUID",
    },
    { changes: { AZURE_CLIENT_ID: "belay" }, where: "AZURE_CLIENT_ID", found: '"belay"', allowed: "GUID" },
    {
      changes: { AZURE_RESOURCE_GROUP: "rg." },
      where: "AZURE_RESOURCE_GROUP",
      found: '"rg."',
      allowed: "a resource group",
    },
    {
      changes: { AZURE_CONTAINER_REGISTRY_NAME: "cr-belay" },
      where: "AZURE_CONTAINER_REGISTRY_NAME",
      found: '"cr-belay"',
      allowed: "letters and digits",
    },
    {
      changes: { AZURE_CONTAINER_REGISTRY_ENDPOINT: "https://crbelay.azurecr.io" },
      where: "AZURE_CONTAINER_REGISTRY_ENDPOINT",
      found: '"https://crbelay.azurecr.io"',
      allowed: "without scheme",
    },
    {
      changes: { AZURE_RESOURCE_MANAGER_ENDPOINT: "management" },
      where: "AZURE_RESOURCE_MANAGER_ENDPOINT",
      found: '"management"',
      allowed: "an address",
    },
    {
      changes: { KUBECONFIG: `a${delimiter}b` },
      where: "KUBECONFIG",
      found: JSON.stringify(`a${delimiter}b`),
      allowed: "the path of one file",
    },
    {
      changes: { MLFLOW_TRACKING_URI: "databricks" },
      where: "MLFLOW_TRACKING_URI",
      found: '"databricks"',
      allowed: "http",
    },
    {
      changes: { MLFLOW_TRACKING_URI: "file:///mlruns" },
      where: "MLFLOW_TRACKING_URI",
      found: '"file:///mlruns"',
      allowed: "http",
    },
    {
      changes: { MLFLOW_TRACKING_URI: "https://u:hunter2@x" },
      where: "MLFLOW_TRACKING_URI",
      found: "a text with credentials in it (not shown)",
      allowed: "without user and password",
    },
    {
      changes: { MLFLOW_TRACKING_TOKEN: "hunter2", MLFLOW_TRACKING_USERNAME: "u" },
      where: "MLFLOW_TRACKING_TOKEN",
      found: "a name or password beside it",
      allowed: "either",
    },
    {
      changes: { MLFLOW_TRACKING_TOKEN: "hunter2", MLFLOW_TRACKING_PASSWORD: "hunter2" },
      where: "MLFLOW_TRACKING_TOKEN",
      found: "a name or password beside it",
      allowed: "either",
    },
    {
      changes: { MLFLOW_TRACKING_USERNAME: "u" },
      where: "MLFLOW_TRACKING_PASSWORD",
      found: "nothing",
      allowed: "together",
    },
    {
      changes: { MLFLOW_TRACKING_PASSWORD: "hunter2" },
      where: "MLFLOW_TRACKING_USERNAME",
      found: "nothing",
      allowed: "together",
    },
    {
      changes: { MLFLOW_WEBHOOK_SECRET: undefined },
      where: "MLFLOW_WEBHOOK_SECRET",
      found: "nothing",
      allowed: "at least 16",
    },
    {
      changes: { MLFLOW_WEBHOOK_SECRET: "hunter2" },
      where: "MLFLOW_WEBHOOK_SECRET",
      found: "a value (not shown)",
      allowed: "at least 16",
    },
    {
      changes: { MLFLOW_WEBHOOK_SECRET: "hunter2-hunter2-hunter2\n" },
      where: "MLFLOW_WEBHOOK_SECRET",
      found: "a value (not shown)",
      allowed: "without white space",
    },
    {
      changes: { MLFLOW_WEBHOOK_SECRET: "@Microsoft.KeyVault(SecretUri=https://hunter2)" },
      where: "MLFLOW_WEBHOOK_SECRET",
      found: "a value (not shown)",
      allowed: "Key Vault Secrets User",
    },
    {
      changes: { MLFLOW_WEBHOOK_PREVIOUS_SECRETS: "a-long-enough-secret,hunter2" },
      where: "MLFLOW_WEBHOOK_PREVIOUS_SECRETS",
      found: "a value (not shown)",
      allowed: "at least 16",
    },
    {
      changes: { NOTIFY_WEBHOOK_URL: "https://x/hunter2" },
      where: "NOTIFY_WEBHOOK_SECRET",
      found: "nothing",
      allowed: "together",
    },
    {
      changes: { NOTIFY_WEBHOOK_SECRET: "hunter2-hunter2-hunter2" },
      where: "NOTIFY_WEBHOOK_URL",
      found: "nothing",
      allowed: "together",
    },
    {
      changes: { SLACK_WEBHOOK_URL: "hunter2" },
      where: "SLACK_WEBHOOK_URL",
      found: "a value (not shown)",
      allowed: "incoming webhook",
    },
    {
      changes: { FUNCTIONS_WORKER_RUNTIME: "python" },
      where: "FUNCTIONS_WORKER_RUNTIME",
      found: '"python"',
      allowed: "node",
    },
  ])("$where: $found", ({ changes, where, found, allowed }) => {
    const problems = problemsWith(changes);
    expect(problems).toMatchObject([{ where, found }]);
    expect(problems[0]?.allowed).toContain(allowed);
    expect(problems[0]?.remedy).toMatch(/^[A-Z].*\.$/);
    expect(new ConfigurationError(problems).message).not.toContain("hunter2");
  });

  test("all of them together, each once", () => {
    const found = checkEnvironment({
      MLFLOW_TRACKING_TOKEN: "a",
      MLFLOW_TRACKING_USERNAME: "b",
      NOTIFY_WEBHOOK_URL: "nowhere",
    });
    const error = new ConfigurationError(found.problems);
    const where = error.problems.map((problem) => problem.where);
    expect(where.toSorted()).toEqual([
      "AZURE_CONTAINER_REGISTRY_ENDPOINT",
      "AZURE_CONTAINER_REGISTRY_NAME",
      "AZURE_RESOURCE_GROUP",
      "AZURE_SUBSCRIPTION_ID",
      "MLFLOW_TRACKING_TOKEN",
      "MLFLOW_TRACKING_URI",
      "MLFLOW_WEBHOOK_SECRET",
      "NOTIFY_WEBHOOK_URL",
      "ServiceBusConnection",
      "TablesConnection",
    ]);
    expect(String(error)).toMatch(/^ConfigurationError: 10 problems in the configuration:\n/);
  });
});

test("no secret is seen in the environment", () => {
  const environment = read({
    MLFLOW_TRACKING_TOKEN: "hunter2",
    NOTIFY_WEBHOOK_URL: "https://x/hunter2",
    NOTIFY_WEBHOOK_SECRET: "hunter2-hunter2-hunter2",
    SLACK_WEBHOOK_URL: "https://x/hunter2",
    MLFLOW_WEBHOOK_PREVIOUS_SECRETS: "hunter2-hunter2-hunter2",
  });
  expect(`${JSON.stringify(environment)}${inspect(environment, { depth: 9 })}`).not.toContain("hunter2");
});

test("the policy is told which cluster is the default and which notifiers there are", () => {
  expect(toPolicySettings(read())).toEqual({
    clusters: { resourceGroup: "rg-belay", aksName: "aks-belay", kubeconfig: undefined },
    notifiers: ["log"],
  });
  expect(
    toPolicySettings(read({ KUBECONFIG: "/k", SLACK_WEBHOOK_URL: "https://hooks.slack.com/services/x" })),
  ).toMatchObject({
    clusters: { kubeconfig: "/k" },
    notifiers: ["log", "slack"],
  });
});
