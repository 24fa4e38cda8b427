import { PermanentError } from "../../domain/errors.ts";
import type { ClusterReference } from "../../domain/policy.ts";
import type { OpenCluster } from "../../ports/cluster.ts";
import type { ResourceManagerSettings } from "../azure/resource-manager.ts";
import { createAksAccess } from "./aks-access.ts";
import { createCluster } from "./cluster.ts";
import type { KubeHttp } from "./kube-http.ts";
import { createKubeconfigAccess } from "./kubeconfig-access.ts";
import { createPreviewer } from "./previewer.ts";
import { createProber } from "./prober.ts";

export interface OpenClusterSettings {
  /** KUBECONFIG, for targets on clusters outside of AKS. */
  kubeconfigPath?: string | undefined;
  /** Undefined: AZURE_SUBSCRIPTION_ID is not set, so no target may be on AKS. */
  arm: ResourceManagerSettings | undefined;
}

/** Opens clusters from a kubeconfig and on AKS. */
export function createOpenCluster({ kubeconfigPath, arm }: OpenClusterSettings): OpenCluster {
  const openContext = createKubeconfigAccess(kubeconfigPath);
  const openAks = arm === undefined ? undefined : createAksAccess(arm);
  const reach = async (reference: ClusterReference): Promise<KubeHttp> => {
    switch (reference.kind) {
      case "kubeconfig":
        return openContext(reference.context);
      case "aks":
        if (openAks === undefined)
          throw new PermanentError(
            "configuration-wrong",
            `The policy names the AKS cluster ${reference.name}, but AZURE_SUBSCRIPTION_ID is not set.`,
          );
        return openAks(reference);
      default:
        return reference satisfies never;
    }
  };
  return async ({ cluster, namespace }) => {
    const http = await reach(cluster);
    return {
      cluster: createCluster(http, namespace),
      prober: createProber(http, namespace),
      previewer: createPreviewer(http, namespace),
    };
  };
}
