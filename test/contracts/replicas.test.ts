import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createOpenCluster } from "../../shared/adapters/kubernetes/open-cluster.ts";
import { createFakeCluster } from "../fakes/fake-cluster.ts";
import { type Cluster, startCluster } from "../local/kubernetes/cluster.ts";
import { replicasContract } from "./replicas.ts";

replicasContract("the fake", async () => {
  const cluster = createFakeCluster(
    () => 1_790_000_000_000,
    () => "good",
  );
  return {
    cluster,
    autoscale: async (replicas) => cluster.autoscale("model", replicas),
    setByHand: async () => cluster.takeOver("Deployment", "model", { spec: { replicas: 9 } }),
  };
});

let server: Cluster;
let directory = "";
let count = 0;
beforeAll(async () => {
  server = await startCluster();
  directory = await mkdtemp(join(tmpdir(), "replicas-contract-"));
  await writeFile(join(directory, "config"), server.config.exportConfig());
});
afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

async function openNamespace() {
  count += 1;
  const namespace = `replicas-${count}`;
  await server.core.createNamespace({ body: { metadata: { name: namespace } } });
  const open = createOpenCluster({ kubeconfigPath: join(directory, "config"), arm: undefined });
  const { cluster } = await open({ cluster: { kind: "kubeconfig" }, namespace });
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/model`;
  const set = async (manager: string, replicas: number) => {
    const { code, body } = await server.call(
      "PATCH",
      `${path}/scale?fieldManager=${manager}`,
      { spec: { replicas } },
      { "content-type": "application/merge-patch+json" },
    );
    if (code !== 200) throw new Error(`${code}: ${JSON.stringify(body)}`);
  };
  return { cluster, path, set };
}

replicasContract("an API server", async () => {
  const { cluster, set } = await openNamespace();
  return {
    cluster,
    autoscale: (replicas) => set("kube-controller-manager", replicas),
    setByHand: (replicas) => set("kubectl", replicas),
  };
});

describe("the number on an API server", () => {
  const signal = AbortSignal.timeout(60_000);
  const workload = (replicas: number, annotations = {}) => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "model", annotations },
    spec: {
      replicas,
      selector: { matchLabels: { app: "model" } },
      template: { metadata: { labels: { app: "model" } }, spec: { containers: [{ name: "model", image: "app:1" }] } },
    },
  });
  const AUTOSCALED = { "belay.dev/replicas": "autoscaler" };

  it("is handed over again after a crash between the hand-over and the apply", async () => {
    const { cluster, path } = await openNamespace();
    await cluster.apply(workload(3), undefined, signal);
    const { apiVersion, kind } = workload(3);
    const handOver = { apiVersion, kind, metadata: { name: "model" }, spec: { replicas: 3 } };
    await server.call("PATCH", `${path}?fieldManager=belay-replicas`, handOver, {
      "content-type": "application/apply-patch+yaml",
    });
    const seen = await cluster.read(workload(3), signal);
    expect(seen?.replicas?.owners.toSorted()).toEqual(["belay", "belay-replicas"]);
    expect(await cluster.apply(workload(5, AUTOSCALED), seen, signal)).toBe("applied");
    expect((await cluster.read(workload(3), signal))?.replicas).toEqual({
      ...{ count: 3, autoscaled: true, owners: ["belay-replicas"] },
    });
  });

  it("is taken back again after a crash between the taking and the apply", async () => {
    const { cluster, path, set } = await openNamespace();
    await cluster.apply(workload(3, AUTOSCALED), undefined, signal);
    await set("kube-controller-manager", 7);
    const { apiVersion, kind } = workload(3);
    await server.call(
      "PATCH",
      `${path}?fieldManager=belay-replicas&force=true`,
      { apiVersion, kind, metadata: { name: "model" }, spec: { replicas: 4 } },
      { "content-type": "application/apply-patch+yaml" },
    );
    expect(await cluster.apply(workload(4), await cluster.read(workload(4), signal), signal)).toBe("applied");
    expect((await cluster.read(workload(4), signal))?.replicas).toMatchObject({ count: 4, autoscaled: false });
  });

  it("of somebody else's autoscaler on a workload of Belay's own is never taken", async () => {
    const { cluster, set } = await openNamespace();
    await cluster.apply(workload(3), undefined, signal);
    await set("kube-controller-manager", 7);
    await expect(cluster.apply(workload(4), await cluster.read(workload(4), signal), signal)).rejects.toThrow(
      /somebody else owns a field/,
    );
  });
});
