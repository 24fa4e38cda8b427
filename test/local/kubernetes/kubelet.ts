import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { ApiException, type V1Pod, Watch } from "@kubernetes/client-node";
import { createCertificate } from "../../../infra/local/certificate/create-certificate.ts";
import { type Cluster, isReal, readyStatus, report, takesPods } from "./cluster.ts";

/** A node that runs nothing and says of every pod what the test wants said. */
export interface FakeKubelet {
  close(): Promise<void>;
}

/** Registers a ready node whose kubelet reports pods ready while `isHealthy`, lets deleted ones go, and serves one log line. */
export async function startKubelet(
  cluster: Cluster,
  isHealthy: (pod: V1Pod) => boolean = () => true,
  name = "node-1",
): Promise<FakeKubelet> {
  const logs = await startLogServer();
  const { port } = logs.address() as AddressInfo;
  const status = {
    ...readyStatus(),
    addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
  };
  await cluster.core.createNode({ body: { metadata: { name }, status } });
  await takesPods(cluster.core, name);
  const pending = new Set<Promise<void>>();
  const seen = (phase: string, pod: V1Pod): void => {
    if (phase === "DELETED" || pod.spec?.nodeName !== name) return;
    const work = tend(cluster, pod, isHealthy).finally(() => pending.delete(work));
    pending.add(work);
  };
  const watch = await new Watch(cluster.config).watch("/api/v1/pods", {}, seen, () => undefined);
  return {
    async close() {
      watch.abort();
      await Promise.all(pending);
      logs.closeAllConnections();
      await new Promise((resolve) => logs.close(resolve));
    },
  };
}

async function tend(cluster: Cluster, pod: V1Pod, isHealthy: (pod: V1Pod) => boolean): Promise<void> {
  const { name = "", namespace = "", deletionTimestamp } = pod.metadata ?? {};
  if (deletionTimestamp !== undefined) await release(cluster, namespace, name);
  else if (pod.status?.phase === "Pending" && isHealthy(pod)) await report(cluster, pod, true);
}

async function release({ core }: Cluster, namespace: string, name: string): Promise<void> {
  try {
    await core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 });
  } catch (error) {
    // Another change of the same pod was seen first.
    if (!(error instanceof ApiException && error.code === 404)) throw error;
  }
}

async function startLogServer(): Promise<Server> {
  const answer: RequestListener = (request, response) => response.end(`log of ${request.url}\n`);
  // A real API server speaks to kubelets over https only.
  const server = isReal ? createTlsServer(await createCertificate(), answer) : createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}
