import {
  ApiException,
  CoordinationV1Api,
  CoreV1Api,
  createConfiguration,
  KubeConfig,
  type RequestContext,
  ServerConfiguration,
} from "@kubernetes/client-node";
import type { Sources } from "./environment.ts";
import type { PodIdentity } from "./pod-identity.ts";

const TIMEOUT_MS = 10_000;

/** The Kubernetes API through its official client; every request but a watch ends within 10 s. */
export type ClusterClient = {
  readonly config: KubeConfig;
  readonly core: CoreV1Api;
  readonly coordination: CoordinationV1Api;
};

/** Connects to the current context of a kubeconfig, given as YAML; throws when it names no cluster. */
export function createClusterClient(kubeconfig: string): ClusterClient {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new Error("the kubeconfig names no current cluster");
  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(cluster.server, {}),
    authMethods: { default: config },
    promiseMiddleware: [
      {
        async pre(request: RequestContext) {
          request.setSignal(AbortSignal.timeout(TIMEOUT_MS));
          return request;
        },
        post: async (response) => response,
      },
    ],
  });
  return { config, core: new CoreV1Api(configuration), coordination: new CoordinationV1Api(configuration) };
}

/** Whether the API refused with this status code. */
export function isRefusal(error: unknown, code: number): boolean {
  return error instanceof ApiException && error.code === code;
}

/** The answer, or undefined where there is no such object. */
export async function unlessMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isRefusal(error, 404)) return undefined;
    throw error;
  }
}

/** Reads a pod's configuration from its namespace. */
export function createSources(core: CoreV1Api, pod: PodIdentity, serviceAccount: string): Sources {
  const { namespace } = pod;
  return {
    configMap: (name) => unlessMissing(core.readNamespacedConfigMap({ name, namespace })),
    secret: (name) => unlessMissing(core.readNamespacedSecret({ name, namespace })),
    async serviceAccountToken(audience, expirationSeconds = 3600) {
      const boundObjectRef = { kind: "Pod", apiVersion: "v1", name: pod.name, uid: pod.uid };
      const spec = { audiences: audience === undefined ? [] : [audience], expirationSeconds, boundObjectRef };
      const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
      const answer = await core.createNamespacedServiceAccountToken({ name: serviceAccount, namespace, body });
      const token = answer.status?.token;
      if (token === undefined) throw new Error(`no token for service account ${serviceAccount}`);
      return token;
    },
  };
}
