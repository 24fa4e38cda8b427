import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { V1ContainerStatus, V1Pod, V1PodStatus } from "@kubernetes/client-node";
import type { PodFate } from "../contracts/cluster.ts";
import { asApply, type Cluster, until } from "../local/kubernetes/cluster.ts";

/** A node whose pods are one HTTP server in this process; it says of them what a test wants said. */
export interface PodNode {
  /** Where the pods' container listens, on 127.0.0.1. */
  readonly port: number;
  /** Waits for `count` pods of a namespace and reports them all. */
  report(namespace: string, count: number, fate: PodFate): Promise<void>;
  close(): Promise<void>;
}

const listen = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
};

/** Joins the node to a cluster. */
export async function startPodNode(cluster: Cluster): Promise<PodNode> {
  let health = 200;
  const pods = createServer((request, response) => {
    response.writeHead(request.url === "/ready" ? health : 200);
    response.end('{"predictions": [0.5]}');
  });
  const logs = createServer((_request, response) => response.end("starting\nError: the model cannot be read\n"));
  const port = await listen(pods);
  const kubeletPort = await listen(logs);
  await cluster.core.createNode({ body: { metadata: { name: "node-1" } } });
  const status = {
    conditions: [{ type: "Ready", status: "True" }],
    addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
    daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
  };
  await cluster.core.replaceNodeStatus({ name: "node-1", body: { metadata: { name: "node-1" }, status } });
  return {
    port,
    report: async (namespace, count, fate) => {
      health = fate === "unhealthy" ? 500 : 200;
      const found = await until(`${count} pods on the node`, async () => {
        const { items } = await cluster.core.listNamespacedPod({ namespace });
        return items.length === count && items.every(({ spec }) => spec?.nodeName === "node-1") && items;
      });
      for (const pod of found) await report(cluster, namespace, pod, fate);
    },
    close: async () => {
      for (const server of [pods, logs]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

async function report({ core }: Cluster, namespace: string, { metadata }: V1Pod, fate: PodFate): Promise<void> {
  const name = metadata?.name ?? "";
  await core.replaceNamespacedPodStatus({ namespace, name, body: { metadata: { name }, status: statusOf(fate) } });
}

function statusOf(fate: PodFate): V1PodStatus {
  const dead = fate === "crash";
  const condition = { type: "Ready", status: dead ? "False" : "True", lastTransitionTime: new Date() };
  const container: V1ContainerStatus = {
    name: "model",
    image: "app:1",
    imageID: "",
    ready: !dead,
    restartCount: dead ? 2 : 0,
    state: dead ? { waiting: { reason: "CrashLoopBackOff", message: "back-off" } } : { running: {} },
    ...(dead ? { lastState: { terminated: { exitCode: 1, reason: "Error" } } } : {}),
  };
  return { phase: "Running", podIP: "127.0.0.1", conditions: [condition], containerStatuses: [container] };
}

/** Somebody else's manager, which forces what it wants. */
export async function forceLevel({ core }: Cluster, namespace: string, name: string): Promise<void> {
  const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { LEVEL: "theirs" } };
  await core.patchNamespacedConfigMap({ namespace, name, body, fieldManager: "somebody", force: true }, asApply);
}
