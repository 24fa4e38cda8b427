import {
  PatchStrategy,
  setHeaderOptions,
  type V1Deployment,
  type V1Pod,
  type V1ReplicaSet,
  Watch,
} from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cluster, deployment, isReal, startCluster, until } from "./cluster.ts";
import { type FakeKubelet, startKubelet } from "./kubelet.ts";

const namespace = "default";
const asStrategicMerge = setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch);
let cluster: Cluster;
let kubelet: FakeKubelet;

beforeAll(async () => {
  cluster = await startCluster();
  kubelet = await startKubelet(cluster, (pod) => pod.spec?.containers[0]?.image !== "app:broken");
});
afterAll(async () => {
  await kubelet.close();
  await cluster.close();
});

const read = (name: string): Promise<V1Deployment> => cluster.apps.readNamespacedDeployment({ namespace, name });
const create = (body: V1Deployment) => cluster.apps.createNamespacedDeployment({ namespace, body });
const patch = (name: string, spec: object) =>
  cluster.apps.patchNamespacedDeployment({ namespace, name, body: { spec } }, asStrategicMerge);
const setImage = (name: string, image: string) =>
  patch(name, { template: { spec: { containers: [{ name: "app", image }] } } });

/** kubectl's rules for a finished rollout. */
function isRolledOut({ metadata, spec, status }: V1Deployment): boolean {
  const want = spec?.replicas ?? 0;
  const counts = [status?.updatedReplicas ?? 0, status?.replicas ?? 0, status?.availableReplicas ?? 0];
  return status?.observedGeneration === metadata?.generation && counts.every((count) => count === want);
}

const rolledOut = (name: string) =>
  until(`the rollout of ${name}`, async () => {
    const live = await read(name);
    return isRolledOut(live) && live;
  });

const reasonOf = (live: V1Deployment, type: string) =>
  live.status?.conditions?.find((one) => one.type === type)?.reason;

const withReason = (name: string, reason: string) =>
  until(`${reason} of ${name}`, async () => {
    const live = await read(name);
    return reasonOf(live, "Progressing") === reason && live;
  });

async function setsOf(name: string): Promise<Map<string, V1ReplicaSet>> {
  const { items } = await cluster.apps.listNamespacedReplicaSet({ namespace, labelSelector: `app=${name}` });
  return new Map(items.map((set) => [set.spec?.template?.spec?.containers[0]?.image ?? "", set]));
}

const revisionOf = (set: V1ReplicaSet | undefined) => set?.metadata?.annotations?.["deployment.kubernetes.io/revision"];

async function scalings(name: string): Promise<string[]> {
  const { items } = await cluster.core.listNamespacedEvent({
    namespace,
    fieldSelector: `involvedObject.name=${name},reason=ScalingReplicaSet`,
  });
  const sets = [...(await setsOf(name))].map(([image, set]) => ({ image, name: set.metadata?.name ?? "" }));
  return items
    .sort((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion))
    .map(({ message = "" }) => sets.reduce((text, set) => text.replace(set.name, set.image), message));
}

describe("a rolling update", () => {
  /** The most pods there were, and the fewest that were ready, once the old release was complete. */
  async function observe(name: string, run: () => Promise<unknown>): Promise<{ most: number; fewestReady: number }> {
    const pods = new Map<string, V1Pod>();
    const seen = { most: 0, fewestReady: Number.POSITIVE_INFINITY };
    const isCounted = (pod: V1Pod) => pod.metadata?.deletionTimestamp === undefined;
    const isReady = (pod: V1Pod) =>
      pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True");
    const initial = await cluster.core.listNamespacedPod({ namespace, labelSelector: `app=${name}` });
    for (const pod of initial.items) pods.set(pod.metadata?.name ?? "", pod);
    const count = (type: string, pod: V1Pod): void => {
      if (type === "DELETED") pods.delete(pod.metadata?.name ?? "");
      else pods.set(pod.metadata?.name ?? "", pod);
      const counted = [...pods.values()].filter(isCounted);
      seen.most = Math.max(seen.most, counted.length);
      seen.fewestReady = Math.min(seen.fewestReady, counted.filter(isReady).length);
    };
    const options = { labelSelector: `app=${name}`, resourceVersion: initial.metadata?.resourceVersion };
    const watch = await new Watch(cluster.config).watch(
      `/api/v1/namespaces/${namespace}/pods`,
      options,
      count,
      () => undefined,
    );
    await run();
    watch.abort();
    return seen;
  }

  test.each([
    { name: "surge-1", maxSurge: 1, maxUnavailable: 0, most: 5, fewest: 4 },
    { name: "unavailable-1", maxSurge: 0, maxUnavailable: 1, most: 4, fewest: 3 },
    { name: "percentages", maxSurge: "25%", maxUnavailable: "25%", most: 5, fewest: 3 },
    { name: "rounding", maxSurge: "30%", maxUnavailable: "30%", most: 6, fewest: 3 },
    { name: "all-at-once", maxSurge: "100%", maxUnavailable: "100%", most: 8, fewest: 0 },
  ])("$name stays within its bounds", async ({ name, maxSurge, maxUnavailable, most, fewest }) => {
    const strategy = { type: "RollingUpdate", rollingUpdate: { maxSurge, maxUnavailable } };
    await create(deployment(name, { replicas: 4, strategy }));
    await rolledOut(name);
    const seen = await observe(name, async () => {
      await setImage(name, "app:2");
      await rolledOut(name);
    });
    // A real control plane makes pods before it has seen the last ones go.
    if (!isReal) expect(seen.most).toBeLessThanOrEqual(most);
    expect(seen.fewestReady).toBeGreaterThanOrEqual(fewest);
    expect((await setsOf(name)).get("app:1")?.spec?.replicas).toBe(0);
  });

  test("with surge 1 and unavailable 0 scales as a real control plane does", async () => {
    const strategy = { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
    await create(deployment("steps", { strategy }));
    await rolledOut("steps");
    await setImage("steps", "app:2");
    await rolledOut("steps");
    expect(await scalings("steps")).toEqual([
      "Scaled up replica set app:1 from 0 to 3",
      "Scaled up replica set app:2 from 0 to 1",
      "Scaled down replica set app:1 from 3 to 2",
      "Scaled up replica set app:2 from 1 to 2",
      "Scaled down replica set app:1 from 2 to 1",
      "Scaled up replica set app:2 from 2 to 3",
      "Scaled down replica set app:1 from 1 to 0",
    ]);
  });

  test("waits minReadySeconds before a pod counts as available", async () => {
    await create(deployment("patient", { replicas: 1, minReadySeconds: 2 }));
    const waiting = await until("a ready pod", async () => {
      const live = await read("patient");
      return live.status?.readyReplicas === 1 && live;
    });
    expect(waiting.status?.availableReplicas).toBeUndefined();
    expect((await rolledOut("patient")).status?.availableReplicas).toBe(1);
  });
});

describe("a release that never becomes ready", () => {
  test("exceeds its deadline, keeps the old pods, and heals when the old template comes back", async () => {
    const strategy = { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
    await create(deployment("broken", { strategy, progressDeadlineSeconds: 1 }));
    await rolledOut("broken");
    await setImage("broken", "app:broken");
    const failed = await withReason("broken", "ProgressDeadlineExceeded");
    expect(failed.status?.conditions?.find(({ type }) => type === "Progressing")?.status).toBe("False");
    expect(failed.status).toMatchObject({ availableReplicas: 3, updatedReplicas: 1, replicas: 4 });
    expect(reasonOf(failed, "Available")).toBe("MinimumReplicasAvailable");

    await setImage("broken", "app:1");
    const healed = await rolledOut("broken");
    expect(reasonOf(healed, "Progressing")).toBe("NewReplicaSetAvailable");
    const sets = await setsOf("broken");
    expect(sets.size).toBe(2);
    expect(revisionOf(sets.get("app:1"))).toBe("3");
    expect(sets.get("app:1")?.metadata?.annotations?.["deployment.kubernetes.io/revision-history"]).toBe("1");
    expect(healed.metadata?.annotations?.["deployment.kubernetes.io/revision"]).toBe("3");
  });

  test("is not replaced by more than its share when the Deployment is scaled in the middle", async () => {
    const strategy = { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } };
    await create(deployment("scaled", { replicas: 4, strategy }));
    await rolledOut("scaled");
    await setImage("scaled", "app:broken");
    const sizes = async () => [...(await setsOf("scaled"))].map(([image, set]) => [image, set.spec?.replicas]).sort();
    const reached = (want: unknown) =>
      until(JSON.stringify(want), async () => JSON.stringify(await sizes()) === JSON.stringify(want));
    await reached([
      ["app:1", 3],
      ["app:broken", 2],
    ]);
    await patch("scaled", { replicas: 10 });
    await reached([
      ["app:1", 7],
      ["app:broken", 4],
    ]);
    await patch("scaled", { replicas: 3 });
    await reached([
      ["app:1", 2],
      ["app:broken", 2],
    ]);
    await until("two available pods", async () => (await read("scaled")).status?.availableReplicas === 2);
  });
});

test("Recreate lets the last old pod go before it starts a new one", async () => {
  await create(deployment("recreate", { replicas: 2, strategy: { type: "Recreate" } }));
  await rolledOut("recreate");
  await setImage("recreate", "app:2");
  await rolledOut("recreate");
  expect(await scalings("recreate")).toEqual([
    "Scaled up replica set app:1 from 0 to 2",
    "Scaled down replica set app:1 from 2 to 0",
    "Scaled up replica set app:2 from 0 to 2",
  ]);
});

test("old ReplicaSets beyond the history limit are deleted", async () => {
  await create(deployment("history", { replicas: 1, revisionHistoryLimit: 1 }));
  for (const image of ["app:1", "app:2", "app:3"]) {
    await setImage("history", image);
    await rolledOut("history");
  }
  const left = await until("the oldest set to go", async () => {
    const sets = await setsOf("history");
    return sets.size === 2 && [...sets.keys()].sort();
  });
  expect(left).toEqual(["app:2", "app:3"]);
});

test("a paused Deployment takes no new template until it is resumed", async () => {
  await create(deployment("paused", { replicas: 1, paused: true }));
  await withReason("paused", "DeploymentPaused");
  expect((await setsOf("paused")).size).toBe(0);
  await patch("paused", { paused: false });
  expect(reasonOf(await rolledOut("paused"), "Progressing")).toBe("NewReplicaSetAvailable");
});

test("an annotation raises the generation and reaches the ReplicaSet without a new revision", async () => {
  const { metadata } = await create(deployment("annotated", { replicas: 1 }));
  await rolledOut("annotated");
  const body = { metadata: { annotations: { "example.com/token": "7.1" } } };
  const patched = await cluster.apps.patchNamespacedDeployment(
    { namespace, name: "annotated", body },
    asStrategicMerge,
  );
  expect(patched.metadata?.generation).toBe((metadata?.generation ?? 0) + 1);
  await until("the annotation on the set", async () => {
    const set = (await setsOf("annotated")).get("app:1");
    return set?.metadata?.annotations?.["example.com/token"] === "7.1" && revisionOf(set) === "1";
  });
});
