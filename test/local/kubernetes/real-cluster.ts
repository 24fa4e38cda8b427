import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { text } from "node:stream/consumers";
import { ApiException, AppsV1Api, CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import type { Answer, Cluster } from "./cluster.ts";
import { until } from "./until.ts";

/** What tests leave in the namespace `default`, by where it lies in the API. */
const LEFT = [
  "/apis/apps/v1/namespaces/default/deployments",
  "/apis/apps/v1/namespaces/default/replicasets",
  "/api/v1/namespaces/default/pods",
  "/api/v1/namespaces/default/configmaps",
  "/api/v1/namespaces/default/secrets",
  "/api/v1/namespaces/default/events",
  "/api/v1/namespaces/default/endpoints",
  "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
  "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
  "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
  "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
  "/apis/networking.k8s.io/v1/namespaces/default/ingresses",
  "/apis/coordination.k8s.io/v1/namespaces/default/leases",
  "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles",
  "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings",
  "/api/v1/nodes",
];
const NAMESPACES = new Set(["default", "kube-system", "kube-public", "kube-node-lease"]);

/** The control plane that a kubeconfig file names, which has no nodes, and has none again after `close`. */
export function connectCluster(kubeconfigFile: string): Cluster {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfigFile);
  const core = config.makeApiClient(CoreV1Api);
  const call = caller(config);
  return {
    get plane(): never {
      throw new Error("There is no stand-in to look into: the control plane is a real one.");
    },
    config,
    core,
    apps: config.makeApiClient(AppsV1Api),
    call,
    close: () => clear(core, call),
  };
}

function caller(config: KubeConfig): Cluster["call"] {
  const { server = "", caData = "" } = config.getCurrentCluster() ?? {};
  const ca = Buffer.from(caData, "base64");
  const authorization = `Bearer ${config.getCurrentUser()?.token}`;
  return (method, path, body, headers = {}) =>
    new Promise<Answer>((resolve, reject) => {
      const all = { "content-type": "application/json", authorization, ...headers };
      const asked = request(`${server}${path}`, { method, ca, headers: all, agent: false }, async (answer) => {
        const said = await text(answer);
        const given = Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
          values.map((value): [string, string] => [name, value]),
        );
        resolve({ code: answer.statusCode ?? 0, body: parsed(answer, said), headers: new Headers(given) });
      }).once("error", reject);
      asked.end(body === undefined || typeof body === "string" ? body : JSON.stringify(body));
    });
}

/** What is no JSON, such as the lines of a watch, is left as text. */
function parsed({ headers }: IncomingMessage, said: string): unknown {
  const isDocument = headers["content-type"]?.includes("json") === true && !said.trim().includes("\n{");
  return isDocument ? JSON.parse(said) : said;
}

async function clear(core: CoreV1Api, call: Cluster["call"]): Promise<void> {
  const now = "gracePeriodSeconds=0&propagationPolicy=Background";
  for (const path of LEFT) {
    const { code, body } = await call("DELETE", `${path}?${now}`);
    if (code !== 200) throw new Error(`${path} was not emptied: ${code} ${JSON.stringify(body)}`);
  }
  const { items: services } = await core.listNamespacedService({ namespace: "default" });
  for (const name of namesOf(services).filter((one) => one !== "kubernetes"))
    await core.deleteNamespacedService({ namespace: "default", name });
  const namespaces = (await core.listNamespace()).items.filter(({ metadata }) => !metadata?.deletionTimestamp);
  const own = namesOf(namespaces).filter((name) => !NAMESPACES.has(name));
  await Promise.all(own.map((name) => removeNamespace(core, name)));
}

/** Removes a namespace with its pods, at once, and waits until it is gone: nothing of it meets the next node or test file. */
export async function removeNamespace(core: CoreV1Api, name: string): Promise<void> {
  await core.deleteNamespace({ name });
  await until(`the end of the namespace ${name}`, () =>
    core
      .deleteCollectionNamespacedPod({ namespace: name, gracePeriodSeconds: 0 })
      .then(() => core.readNamespace({ name }).then(() => false, isMissing), isMissing),
  );
}

function isMissing(error: unknown): boolean {
  return error instanceof ApiException && error.code === 404;
}

function namesOf(objects: readonly { metadata?: { name?: string } }[]): string[] {
  return objects.flatMap(({ metadata }) => metadata?.name ?? []);
}
