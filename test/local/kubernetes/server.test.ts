import { AuthorizationV1Api, CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createControlPlane } from "../../../infra/local/kubernetes/control-plane.ts";
import { asApply, type Cluster, deployment, joinNode, selfSigned, startCluster, until } from "./cluster.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.close());

describe("discovery", () => {
  test("names groups, kinds and what can be done with them", async () => {
    expect((await cluster.call("GET", "/api")).body).toMatchObject({ versions: ["v1"] });
    expect((await cluster.call("GET", "/apis")).body).toMatchObject({
      groups: expect.arrayContaining([
        expect.objectContaining({ name: "apps" }),
        expect.objectContaining({ name: "discovery.k8s.io" }),
      ]),
    });
    expect((await cluster.call("GET", "/apis/apps/v1")).body).toMatchObject({
      resources: expect.arrayContaining([
        expect.objectContaining({ name: "deployments", shortNames: ["deploy"] }),
        expect.objectContaining({ name: "deployments/scale", kind: "Scale" }),
      ]),
    });
    expect((await cluster.call("GET", "/apis/apps")).body).toMatchObject({
      preferredVersion: { groupVersion: "apps/v1" },
    });
  });

  test("is answered plainly to who would rather have it aggregated", async () => {
    const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    const answer = await cluster.call("GET", "/apis", undefined, { accept });
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(answer.body).toMatchObject({ kind: "APIGroupList" });
  });

  test("health and version answer", async () => {
    expect(await cluster.call("GET", "/readyz")).toMatchObject({ code: 200, body: "ok" });
    expect((await cluster.call("GET", "/version")).body).toMatchObject({ major: "1" });
  });
});

describe("what is not implemented", () => {
  test.each([
    ["GET", "/api/v1/persistentvolumeclaims"],
    ["GET", "/apis/batch/v1/namespaces/default/jobs"],
    ["GET", "/apis/storage.k8s.io/v1/storageclasses"],
    ["POST", "/api/v1/namespaces/default/pods/x/eviction"],
    ["GET", "/api/v1/namespaces/default/pods/x/exec"],
    ["POST", "/api/v1/namespaces/default/serviceaccounts/default/token"],
    ["GET", "/api/v1/nodes/n/proxy/metrics"],
    ["GET", "/api/v1/watch/pods"],
    ["GET", "/openapi/v2"],
    ["GET", "/metrics"],
  ])("%s %s is a 501 that names the path", async (method, path) => {
    const answer = await cluster.call(method, path, method === "POST" ? {} : undefined);
    expect(answer).toMatchObject({ code: 501, body: { kind: "Status", reason: "NotImplemented" } });
    expect(answer.body).toMatchObject({ message: expect.stringContaining(path) });
  });

  test("a group that only a CRD could bring is a 404, as on a cluster without it", async () => {
    for (const path of ["/apis/monitoring.coreos.com/v1", "/apis/monitoring.coreos.com/v1/servicemonitors"])
      expect(await cluster.call("GET", path)).toMatchObject({ code: 404, body: "404 page not found\n" });
  });
});

test("a review says that everybody may do everything, because nothing is enforced", async () => {
  const reviews = cluster.config.makeApiClient(AuthorizationV1Api);
  const resourceAttributes = { verb: "delete", resource: "deployments", namespace: "default" };
  const { status } = await reviews.createSelfSubjectAccessReview({ body: { spec: { resourceAttributes } } });
  expect(status).toEqual({ allowed: true, reason: "the local control plane does not enforce RBAC" });
});

test("every request is counted by verb and resource", async () => {
  const counted = await startCluster();
  const { apps, core, plane } = counted;
  const name = "web";
  const namespace = "default";
  await apps.patchNamespacedDeployment({ namespace, name, body: deployment(name), fieldManager: "belay" }, asApply);
  await apps.readNamespacedDeployment({ namespace, name });
  await apps.readNamespacedDeployment({ namespace, name });
  await apps.readNamespacedDeploymentScale({ namespace, name });
  await core.listNamespacedPod({ namespace });
  expect(plane.requests()).toEqual({
    "patch deployments.apps": 1,
    "get deployments.apps": 2,
    "get deployments.apps/scale": 1,
    "list pods": 1,
  });
  await counted.close();
});

test("what was asked under one token is counted apart", async () => {
  const shared = await startCluster({ tokens: ["app", "kubelet"] });
  const get = (path: string, token: string) =>
    shared.call("GET", path, undefined, { authorization: `Bearer ${token}` });
  await get("/api/v1/namespaces", "app");
  await get("/api/v1/namespaces", "kubelet");
  await get("/api/v1/nodes", "kubelet");
  expect(shared.plane.requests("app")).toEqual({ "list namespaces": 1 });
  expect(shared.plane.requests("kubelet")).toEqual({ "list namespaces": 1, "list nodes": 1 });
  expect(shared.plane.requests()).toEqual({ "list namespaces": 2, "list nodes": 1 });
  expect(shared.plane.requests("nobody")).toEqual({});
  const config = new KubeConfig();
  config.loadFromString(shared.plane.kubeconfig({ token: "kubelet" }));
  expect(config.getCurrentUser()?.token).toBe("kubelet");
  await shared.close();
});

describe("who may come in", () => {
  test("with tokens, only who brings one", async () => {
    const guarded = await startCluster({ tokens: ["good", "other"] });
    const get = (authorization?: string) =>
      guarded.call("GET", "/api/v1/namespaces", undefined, authorization === undefined ? {} : { authorization });
    expect(await get()).toMatchObject({ code: 401, body: { reason: "Unauthorized", status: "Failure" } });
    expect((await get("Bearer bad")).code).toBe(401);
    expect((await get("Bearer other")).code).toBe(200);
    expect((await guarded.core.listNamespace()).items.length).toBeGreaterThan(0);
    await guarded.close();
  });

  test("with a certificate, over TLS that the kubeconfig trusts", async () => {
    const tls = await selfSigned();
    const plane = createControlPlane({ tls, tokens: ["t"] });
    await plane.listen();
    expect(plane.url).toMatch(/^https:/);
    const config = new KubeConfig();
    config.loadFromString(plane.kubeconfig({ caPem: tls.cert }));
    const { items } = await config.makeApiClient(CoreV1Api).listNamespace();
    expect(items.map(({ metadata }) => metadata?.name)).toEqual(["default", "kube-system"]);
    await plane.close();
  });
});

test("close stops a control plane in the middle of its work", async () => {
  const failures: unknown[] = [];
  const busy = await startCluster({ log: (_, { error }) => failures.push(error) });
  await joinNode(busy);
  await busy.apps.createNamespacedDeployment({
    namespace: "default",
    body: deployment("web", { progressDeadlineSeconds: 1 }),
  });
  await until("pods", async () => (await busy.core.listNamespacedPod({ namespace: "default" })).items.length === 3);
  await busy.close();
  await expect(fetch(`${cluster.plane.url}/readyz`)).resolves.toBeDefined();
  expect(() => busy.plane.url).toThrow("does not listen");
  expect(failures).toEqual([]);
});

test("tables have the columns kubectl prints", async () => {
  const { apps } = cluster;
  await apps.createNamespacedDeployment({ namespace: "default", body: deployment("columns") });
  const accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
  const answer = await cluster.call("GET", "/apis/apps/v1/namespaces/default/deployments", undefined, { accept });
  expect(answer.body).toMatchObject({
    kind: "Table",
    columnDefinitions: ["Name", "Ready", "Up-to-date", "Available", "Age", "Containers", "Images", "Selector"].map(
      (name) => ({ name }),
    ),
    rows: [
      { cells: ["columns", "0/3", expect.anything(), 0, expect.stringMatching(/s$/), "app", "app:1", "app=columns"] },
    ],
  });
});
