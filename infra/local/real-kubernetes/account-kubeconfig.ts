import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { kubeconfig } from "./credentials.ts";

const LIFETIME_SECONDS = 3600;

/** A kubeconfig, as YAML, of a service account: it may do what its bindings say, for an hour. */
export async function accountKubeconfig(adminFile: string, namespace: string, name: string): Promise<string> {
  const admin = new KubeConfig();
  admin.loadFromFile(adminFile);
  const cluster = admin.getCurrentCluster();
  const body = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { audiences: [], expirationSeconds: LIFETIME_SECONDS },
  };
  const answer = await admin.makeApiClient(CoreV1Api).createNamespacedServiceAccountToken({ namespace, name, body });
  const token = answer.status?.token;
  if (cluster?.caData === undefined || token === undefined)
    throw new Error(`There is no token for the service account ${namespace}/${name}.`);
  return kubeconfig(cluster.server, Buffer.from(cluster.caData, "base64").toString("utf8"), token);
}
