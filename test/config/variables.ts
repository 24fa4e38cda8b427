import type { Variables } from "../../shared/config/environment.ts";

/** The settings that suffice. */
export const ENOUGH: Variables = {
  ServiceBusConnection__fullyQualifiedNamespace: "sb-belay.servicebus.windows.net",
  TablesConnection__tableServiceUri: "https://stbelay.table.core.windows.net",
  AZURE_SUBSCRIPTION_ID: "00000000-0000-0000-0000-000000000000",
  AZURE_RESOURCE_GROUP: "rg-belay",
  AZURE_CONTAINER_REGISTRY_NAME: "crbelay",
  AZURE_CONTAINER_REGISTRY_ENDPOINT: "crbelay.azurecr.io",
  AZURE_AKS_CLUSTER_NAME: "aks-belay",
  MLFLOW_TRACKING_URI: "http://127.0.0.1:5000",
  MLFLOW_WEBHOOK_SECRET: "hunter2-hunter2-hunter2",
};
