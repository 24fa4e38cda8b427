import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, deployment, joinNode, report, startCluster, until } from "./cluster.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.close());

test("a Deployment becomes available once its pods are reported ready", async () => {
  const { apps, core } = cluster;
  await joinNode(cluster);
  await apps.createNamespacedDeployment({ namespace: "default", body: deployment("web") });
  const pods = await until("three bound pods", async () => {
    const { items } = await core.listNamespacedPod({ namespace: "default" });
    return items.length === 3 && items.every((pod) => pod.spec?.nodeName === "node-1") && items;
  });
  for (const pod of pods) await report(cluster, pod, true);
  const done = await until("the rollout", async () => {
    const live = await apps.readNamespacedDeployment({ namespace: "default", name: "web" });
    return live.status?.availableReplicas === 3 && live;
  });
  expect(done.status?.observedGeneration).toBe(done.metadata?.generation);
  expect(done.status?.conditions?.find(({ type }) => type === "Progressing")?.reason).toBe("NewReplicaSetAvailable");
});
