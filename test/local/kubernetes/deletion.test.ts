import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cluster, deployment, joinNode, refusal, startCluster, until } from "./cluster.ts";

const namespace = "default";
let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
  await joinNode(cluster);
});
afterAll(() => cluster.close());

const pod = (name: string) => ({ metadata: { name }, spec: { containers: [{ name: "app", image: "app:1" }] } });
const readPod = (name: string) => cluster.core.readNamespacedPod({ namespace, name });
const isGone = (read: Promise<unknown>) =>
  read.then(
    () => false,
    () => true,
  );

async function boundPod(name: string) {
  await cluster.core.createNamespacedPod({ namespace, body: pod(name) });
  return until("a bound pod", async () => {
    const live = await readPod(name);
    return live.spec?.nodeName === "node-1" && live;
  });
}

describe("a pod on a node", () => {
  test("stays, marked, until its kubelet deletes it with no grace left", async () => {
    await boundPod("graceful");
    const marked = await cluster.core.deleteNamespacedPod({ namespace, name: "graceful" });
    expect(marked.metadata?.deletionGracePeriodSeconds).toBe(30);
    expect(marked.metadata?.deletionTimestamp).toBeInstanceOf(Date);
    expect((await readPod("graceful")).metadata?.deletionTimestamp).toBeInstanceOf(Date);
    await cluster.core.deleteNamespacedPod({ namespace, name: "graceful", gracePeriodSeconds: 0 });
    expect((await refusal(readPod("graceful"))).code).toBe(404);
  });

  test("is given less time by a second delete, never more", async () => {
    await boundPod("hurried");
    await cluster.core.deleteNamespacedPod({ namespace, name: "hurried", gracePeriodSeconds: 20 });
    const longer = await cluster.core.deleteNamespacedPod({ namespace, name: "hurried", gracePeriodSeconds: 60 });
    expect(longer.metadata?.deletionGracePeriodSeconds).toBe(20);
    const shorter = await cluster.core.deleteNamespacedPod({ namespace, name: "hurried", gracePeriodSeconds: 5 });
    expect(shorter.metadata?.deletionGracePeriodSeconds).toBe(5);
  });

  test("that has ended goes at once", async () => {
    await boundPod("ended");
    await cluster.core.replaceNamespacedPodStatus({
      namespace,
      name: "ended",
      body: { metadata: { name: "ended" }, status: { phase: "Failed" } },
    });
    await cluster.core.deleteNamespacedPod({ namespace, name: "ended" });
    expect((await refusal(readPod("ended"))).code).toBe(404);
  });
});

test("preconditions on uid and resourceVersion are kept", async () => {
  const { metadata } = await cluster.core.createNamespacedConfigMap({
    namespace,
    body: { metadata: { name: "precious" } },
  });
  const remove = (preconditions: object) =>
    cluster.core.deleteNamespacedConfigMap({ namespace, name: "precious", body: { preconditions } });
  const otherUid = await refusal(remove({ uid: "00000000-0000-0000-0000-000000000000" }));
  expect(otherUid).toMatchObject({ code: 409, reason: "Conflict" });
  expect(otherUid.message).toContain("the UID in the precondition");
  expect((await refusal(remove({ resourceVersion: "2" }))).message).toContain(
    "the ResourceVersion in the precondition",
  );
  await remove({ uid: metadata?.uid, resourceVersion: metadata?.resourceVersion });
});

test("an object with a finalizer goes when the finalizer does", async () => {
  const metadata = { name: "held", finalizers: ["example.com/hold"] };
  await cluster.core.createNamespacedConfigMap({ namespace, body: { metadata } });
  await cluster.core.deleteNamespacedConfigMap({ namespace, name: "held" });
  const live = await cluster.core.readNamespacedConfigMap({ namespace, name: "held" });
  expect(live.metadata?.deletionTimestamp).toBeInstanceOf(Date);
  await cluster.core.replaceNamespacedConfigMap({
    namespace,
    name: "held",
    body: { ...live, metadata: { ...live.metadata, finalizers: [] } },
  });
  expect((await refusal(cluster.core.readNamespacedConfigMap({ namespace, name: "held" }))).code).toBe(404);
});

describe("what belongs to a deleted Deployment", () => {
  const sets = async (name: string) =>
    (await cluster.apps.listNamespacedReplicaSet({ namespace, labelSelector: `app=${name}` })).items;
  const pods = async (name: string) =>
    (await cluster.core.listNamespacedPod({ namespace, labelSelector: `app=${name}` })).items;
  const start = async (name: string) => {
    await cluster.apps.createNamespacedDeployment({ namespace, body: deployment(name, { replicas: 2 }) });
    await until("bound pods", async () => {
      const found = await pods(name);
      return found.length === 2 && found.every(({ spec }) => spec?.nodeName !== undefined);
    });
  };
  const kill = async (name: string) => {
    for (const { metadata } of await pods(name))
      await cluster.core.deleteNamespacedPod({ namespace, name: metadata?.name ?? "", gracePeriodSeconds: 0 });
  };

  test("goes after it, pods with their grace", async () => {
    await start("background");
    await cluster.apps.deleteNamespacedDeployment({ namespace, name: "background" });
    await until("no sets", async () => (await sets("background")).length === 0);
    await until("marked pods", async () =>
      (await pods("background")).every(({ metadata }) => metadata?.deletionTimestamp !== undefined),
    );
    await kill("background");
    expect(await pods("background")).toEqual([]);
  });

  test("goes before it when asked in the foreground", async () => {
    await start("foreground");
    const body = { propagationPolicy: "Foreground" };
    await cluster.apps.deleteNamespacedDeployment({ namespace, name: "foreground", body });
    const waiting = await cluster.apps.readNamespacedDeployment({ namespace, name: "foreground" });
    expect(waiting.metadata?.finalizers).toEqual(["foregroundDeletion"]);
    await until("marked pods", async () =>
      (await pods("foreground")).every(({ metadata }) => metadata?.deletionTimestamp !== undefined),
    );
    expect(await sets("foreground")).toHaveLength(1);
    await kill("foreground");
    await until("the owner to go", () =>
      isGone(cluster.apps.readNamespacedDeployment({ namespace, name: "foreground" })),
    );
    expect(await sets("foreground")).toEqual([]);
  });

  test("stays, without an owner, when orphaned", async () => {
    await start("orphans");
    await cluster.apps.deleteNamespacedDeployment({
      namespace,
      name: "orphans",
      body: { propagationPolicy: "Orphan" },
    });
    await until("the owner to go", () => isGone(cluster.apps.readNamespacedDeployment({ namespace, name: "orphans" })));
    const [left] = await sets("orphans");
    expect(left?.metadata?.ownerReferences ?? []).toEqual([]);
    expect(await pods("orphans")).toHaveLength(2);
  });
});

describe("a namespace", () => {
  test("is emptied, takes nothing new meanwhile, and goes", async () => {
    const { core } = cluster;
    await core.createNamespace({ body: { metadata: { name: "doomed" } } });
    await core.createNamespacedPod({ namespace: "doomed", body: pod("last") });
    await until(
      "a bound pod",
      async () => (await core.readNamespacedPod({ namespace: "doomed", name: "last" })).spec?.nodeName !== undefined,
    );
    const dying = await core.deleteNamespace({ name: "doomed" });
    expect(dying).toMatchObject({ status: { phase: "Terminating" } });
    const late = core.createNamespacedConfigMap({ namespace: "doomed", body: { metadata: { name: "late" } } });
    expect(await refusal(late)).toMatchObject({ code: 403, reason: "Forbidden" });
    await until(
      "the pod to be marked",
      async () =>
        (await core.readNamespacedPod({ namespace: "doomed", name: "last" })).metadata?.deletionTimestamp !== undefined,
    );
    await core.deleteNamespacedPod({ namespace: "doomed", name: "last", gracePeriodSeconds: 0 });
    await until("the namespace to go", () => isGone(core.readNamespace({ name: "doomed" })));
  });

  test("that the cluster needs cannot be deleted", async () => {
    expect((await refusal(cluster.core.deleteNamespace({ name: "default" }))).code).toBe(403);
  });

  test("gets its default service account", async () => {
    await cluster.core.createNamespace({ body: { metadata: { name: "fresh" } } });
    const account = await until(
      "the account",
      async () => (await cluster.core.listNamespacedServiceAccount({ namespace: "fresh" })).items[0],
    );
    expect(account.metadata?.name).toBe("default");
  });
});
