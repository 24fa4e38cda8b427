import { ApiException, CoreV1Api, KubeConfig } from "@kubernetes/client-node";

/** What an administrator applies once: the namespace and the service account that pods run under. */
export async function setUpNamespace(kubeconfig: string, namespace: string): Promise<void> {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  const api = config.makeApiClient(CoreV1Api);
  await unlessThere(api.createNamespace({ body: { metadata: { name: namespace } } }));
  await unlessThere(
    api.createNamespacedServiceAccount({
      namespace,
      body: { metadata: { name: "model" }, automountServiceAccountToken: false },
    }),
  );
}

async function unlessThere(creation: Promise<unknown>): Promise<void> {
  await creation.catch((error: unknown) => {
    if (!(error instanceof ApiException) || error.code !== 409) throw error;
  });
}
