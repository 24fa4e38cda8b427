import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { createOpenCluster } from "../../shared/adapters/kubernetes/open-cluster.ts";
import { createFakeCluster } from "../fakes/fake-cluster.ts";
import { asApply, type Cluster, startCluster } from "../local/kubernetes/cluster.ts";
import { forceLevel, type PodNode, startPodNode } from "../support/namespaces.ts";
import { clusterContract, type PodFate } from "./cluster.ts";

clusterContract("the fake", async () => {
  let now = 1_790_000_000_000;
  let fate: PodFate = "good";
  const cluster = createFakeCluster(
    () => now,
    () => fate,
  );
  const find = (name: string) => cluster.find("ConfigMap", name);
  return {
    access: { cluster, prober: cluster.prober, previewer: cluster.previewer },
    port: 8080,
    touch: async (name) => cluster.tamper("ConfigMap", name, { ...find(name)?.metadata.annotations, note: "x" }),
    takeOver: async (name) => cluster.takeOver("ConfigMap", name, { data: { LEVEL: "theirs" } }),
    recreate: async (name) => cluster.recreate("ConfigMap", name),
    data: async (name) => find(name)?.["data"] as Record<string, string> | undefined,
    settle: async (chosen) => {
      fate = chosen;
      now += 60_000;
    },
  };
});

let server: Cluster;
let node: PodNode;
let directory = "";
let count = 0;

beforeAll(async () => {
  server = await startCluster();
  node = await startPodNode(server);
  directory = await mkdtemp(join(tmpdir(), "cluster-contract-"));
  await writeFile(join(directory, "config"), server.plane.kubeconfig());
});
afterAll(async () => {
  await node.close();
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

clusterContract("an API server", async () => {
  count += 1;
  const namespace = `contract-${count}`;
  const { core } = server;
  await core.createNamespace({ body: { metadata: { name: namespace } } });
  const open = createOpenCluster({ kubeconfigPath: join(directory, "config"), arm: undefined });
  return {
    access: await open({ cluster: { kind: "kubeconfig" }, namespace }),
    port: node.port,
    touch: async (name) => {
      const map = await core.readNamespacedConfigMap({ namespace, name });
      const annotations = { ...map.metadata?.annotations, note: "x" };
      await core.replaceNamespacedConfigMap({
        namespace,
        name,
        body: { ...map, metadata: { ...map.metadata, annotations } },
      });
    },
    takeOver: (name) => forceLevel(server, namespace, name),
    recreate: async (name) => {
      const { metadata, data = {} } = await core.readNamespacedConfigMap({ namespace, name });
      await core.deleteNamespacedConfigMap({ namespace, name });
      const { labels = {}, annotations = {} } = metadata ?? {};
      const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, labels, annotations }, data };
      await core.patchNamespacedConfigMap({ namespace, name, body, fieldManager: "belay" }, asApply);
    },
    data: async (name) => (await core.readNamespacedConfigMap({ namespace, name })).data,
    settle: (fate) => node.report(namespace, 2, fate),
  };
});
