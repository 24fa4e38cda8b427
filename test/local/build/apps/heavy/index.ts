import { app } from "@azure/functions";

/** Loads every heavy SDK from the bundle, as handlers do, and makes a client of each. */
app.http("load", {
  route: "load",
  async handler() {
    const { ServiceBusClient } = await import("@azure/service-bus");
    const { TableClient } = await import("@azure/data-tables");
    const { DefaultAzureCredential } = await import("@azure/identity");
    const { ContainerRegistryManagementClient } = await import("@azure/arm-containerregistry");
    const { AppsV1Api, KubeConfig } = await import("@kubernetes/client-node");
    const { BlockBlobClient } = await import("@azure/storage-blob");
    const connection = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true";
    const serviceBus = new ServiceBusClient(connection);
    const credential = new DefaultAzureCredential();
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromClusterAndUser({ name: "c", server: "http://127.0.0.1:1", skipTLSVerify: false }, { name: "u" });
    const clients = [
      serviceBus,
      new TableClient("https://127.0.0.1:1", "deployments", credential),
      credential,
      new ContainerRegistryManagementClient(credential, "subscription"),
      kubeConfig.makeApiClient(AppsV1Api),
      new BlockBlobClient("https://127.0.0.1:1/container/blob"),
    ];
    await serviceBus.close();
    return { jsonBody: clients.length };
  },
});
app.http("light", { route: "light", handler: () => ({ body: "light" }) });
