import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppsV1Api, CoreV1Api, KubeConfig, KubernetesObjectApi, RbacAuthorizationV1Api } from "@kubernetes/client-node";
import { inject } from "vitest";
import { createKubectl } from "../../../infra/local/real-kubernetes/kubectl.ts";
import { createOpenCluster } from "../../../shared/adapters/kubernetes/open-cluster.ts";
import type { ClusterAccess } from "../../../shared/ports/cluster.ts";

/** Everything an administrator does to the real control plane, and the folder for what that needs. */
export type Administrator = Awaited<ReturnType<typeof becomeAdministrator>>;

/** For one test file; `leave` removes the folder. */
export async function becomeAdministrator() {
  const { binary, adminFile } = inject("controlPlane");
  const folder = await mkdtemp(join(tmpdir(), "real-kubernetes-test-"));
  const config = new KubeConfig();
  config.loadFromFile(adminFile);
  return {
    adminFile,
    folder,
    core: config.makeApiClient(CoreV1Api),
    apps: config.makeApiClient(AppsV1Api),
    rbac: config.makeApiClient(RbacAuthorizationV1Api),
    objects: config.makeApiClient(KubernetesObjectApi),
    kubectl: createKubectl(binary, folder, adminFile),
    leave: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Belay's own adapter, as whoever the kubeconfig file names. */
export function openAs(kubeconfigPath: string, namespace: string): Promise<ClusterAccess> {
  return createOpenCluster({ kubeconfigPath, arm: undefined })({ cluster: { kind: "kubeconfig" }, namespace });
}
