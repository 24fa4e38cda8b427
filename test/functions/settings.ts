import { resolve } from "node:path";

export const SECRET = "a-webhook-secret-nobody-may-see";
export const BUS_KEY = "a-bus-key-nobody-may-see";

/** Connection string of a bus at that port of loopback. */
export function busAt(port: number): string {
  return `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=${BUS_KEY};UseDevelopmentEmulator=true`;
}

/** Settings the app starts with; nothing answers at any of their addresses. */
export const SETTINGS: Readonly<Record<string, string>> = {
  FUNCTIONS_WORKER_RUNTIME: "node",
  ServiceBusConnection: busAt(9),
  TablesConnection:
    "DefaultEndpointsProtocol=http;AccountName=local;AccountKey=bm9ib2R5LW1heS1zZWUtdGhpcw==;TableEndpoint=http://127.0.0.1:9/local;",
  AZURE_SUBSCRIPTION_ID: "00000000-0000-0000-0000-000000000001",
  AZURE_RESOURCE_GROUP: "models",
  AZURE_CONTAINER_REGISTRY_NAME: "models",
  AZURE_CONTAINER_REGISTRY_ENDPOINT: "127.0.0.1:9",
  AZURE_RESOURCE_MANAGER_ENDPOINT: "https://127.0.0.1:9",
  KUBECONFIG: "/nowhere/kubeconfig",
  MLFLOW_TRACKING_URI: "http://127.0.0.1:9",
  MLFLOW_WEBHOOK_SECRET: SECRET,
  DELIVERY_POLICY: resolve(import.meta.dirname, "../../infra/local/delivery.yaml"),
};
