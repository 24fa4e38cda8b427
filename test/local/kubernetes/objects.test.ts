import {
  AutoscalingV2Api,
  CoordinationV1Api,
  DiscoveryV1Api,
  NetworkingV1Api,
  PatchStrategy,
  PolicyV1Api,
  RbacAuthorizationV1Api,
  setHeaderOptions,
} from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cluster, deployment, refusal, startCluster, until } from "./cluster.ts";

const namespace = "default";
let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.close());

const map = (name: string, data: Record<string, string> = {}) => ({ metadata: { name }, data });
const createMap = (name: string, data?: Record<string, string>) =>
  cluster.core.createNamespacedConfigMap({ namespace, body: map(name, data) });

describe("writing", () => {
  test("an object is created, read, replaced, listed and deleted", async () => {
    const created = await createMap("crud", { a: "1" });
    expect(created.metadata?.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(created.metadata?.creationTimestamp).toBeInstanceOf(Date);
    await cluster.core.replaceNamespacedConfigMap({ namespace, name: "crud", body: { ...created, data: { a: "2" } } });
    expect((await cluster.core.readNamespacedConfigMap({ namespace, name: "crud" })).data).toEqual({ a: "2" });
    const { items } = await cluster.core.listNamespacedConfigMap({ namespace, fieldSelector: "metadata.name=crud" });
    expect(items).toHaveLength(1);
    const gone = await cluster.core.deleteNamespacedConfigMap({ namespace, name: "crud" });
    expect(gone.status).toBe("Success");
    expect((await refusal(cluster.core.readNamespacedConfigMap({ namespace, name: "crud" }))).reason).toBe("NotFound");
  });

  test("a replace with a stale resourceVersion is a Conflict", async () => {
    const created = await createMap("stale");
    await cluster.core.replaceNamespacedConfigMap({ namespace, name: "stale", body: map("stale", { a: "1" }) });
    const answer = await refusal(cluster.core.replaceNamespacedConfigMap({ namespace, name: "stale", body: created }));
    expect(answer).toMatchObject({ code: 409, reason: "Conflict" });
  });

  test("a replace that changes nothing keeps the resourceVersion", async () => {
    const created = await createMap("same", { a: "1" });
    const again = await cluster.core.replaceNamespacedConfigMap({ namespace, name: "same", body: created });
    expect(again.metadata?.resourceVersion).toBe(created.metadata?.resourceVersion);
  });

  test("generateName makes different names", async () => {
    const body = { metadata: { generateName: "made-" } };
    const first = await cluster.core.createNamespacedConfigMap({ namespace, body });
    const second = await cluster.core.createNamespacedConfigMap({ namespace, body });
    expect(first.metadata?.name).toMatch(/^made-[a-z0-9]{5}$/);
    expect(second.metadata?.name).not.toBe(first.metadata?.name);
  });

  test("dryRun stores nothing", async () => {
    await cluster.core.createNamespacedConfigMap({ namespace, body: map("dry"), dryRun: "All" });
    expect((await refusal(cluster.core.readNamespacedConfigMap({ namespace, name: "dry" }))).code).toBe(404);
    await createMap("wet");
    await cluster.core.deleteNamespacedConfigMap({ namespace, name: "wet", dryRun: "All" });
    expect((await cluster.core.readNamespacedConfigMap({ namespace, name: "wet" })).metadata?.name).toBe("wet");
  });

  test("status and spec are written through different doors", async () => {
    await cluster.apps.createNamespacedDeployment({
      namespace,
      body: { ...deployment("doors"), status: { replicas: 9 } },
    });
    const body = { ...deployment("doors", { replicas: 8 }), status: { collisionCount: 4 } };
    const answer = await cluster.apps.replaceNamespacedDeploymentStatus({ namespace, name: "doors", body });
    expect(answer.spec?.replicas).toBe(3);
    expect(answer.status?.collisionCount).toBe(4);
  });

  test("scale reads and writes the replicas", async () => {
    await cluster.apps.createNamespacedDeployment({ namespace, body: deployment("scale") });
    const read = () => cluster.apps.readNamespacedDeploymentScale({ namespace, name: "scale" });
    const scale = await read();
    expect(scale.status?.selector).toBe("app=scale");
    // The controller writes the status in between.
    await until("a write of what was read", async () => {
      const body = { ...(await read()), spec: { replicas: 5 } };
      const write = cluster.apps.replaceNamespacedDeploymentScale({ namespace, name: "scale", body });
      return write.catch(() => undefined);
    });
    expect((await cluster.apps.readNamespacedDeployment({ namespace, name: "scale" })).spec?.replicas).toBe(5);
    const stale = cluster.apps.replaceNamespacedDeploymentScale({
      namespace,
      name: "scale",
      body: { ...scale, spec: { replicas: 6 } },
    });
    expect((await refusal(stale)).code).toBe(409);
  });

  test("every other kind can be kept", async () => {
    const metadata = { name: "kind" };
    const scaleTargetRef = { apiVersion: "apps/v1", kind: "Deployment", name: "web" };
    const { config, core } = cluster;
    await core.createNamespacedSecret({ namespace, body: { metadata, stringData: { a: "b" } } });
    expect((await core.readNamespacedSecret({ namespace, name: "kind" })).data).toEqual({ a: "Yg==" });
    await core.createNamespacedServiceAccount({ namespace, body: { metadata } });
    await config.makeApiClient(AutoscalingV2Api).createNamespacedHorizontalPodAutoscaler({
      namespace,
      body: { metadata, spec: { maxReplicas: 3, scaleTargetRef } },
    });
    await config
      .makeApiClient(PolicyV1Api)
      .createNamespacedPodDisruptionBudget({ namespace, body: { metadata, spec: { minAvailable: 1 } } });
    await config
      .makeApiClient(NetworkingV1Api)
      .createNamespacedNetworkPolicy({ namespace, body: { metadata, spec: { podSelector: {} } } });
    const backend = { service: { name: "web", port: { number: 80 } } };
    const ingresses = config.makeApiClient(NetworkingV1Api);
    await ingresses.createNamespacedIngress({ namespace, body: { metadata, spec: { defaultBackend: backend } } });
    const empty = ingresses.createNamespacedIngress({ namespace, body: { metadata: { name: "empty" }, spec: {} } });
    expect(await refusal(empty)).toMatchObject({ code: 422, reason: "Invalid" });
    await config
      .makeApiClient(CoordinationV1Api)
      .createNamespacedLease({ namespace, body: { metadata, spec: { holderIdentity: "me" } } });
    const rbac = config.makeApiClient(RbacAuthorizationV1Api);
    await rbac.createNamespacedRole({ namespace, body: { metadata, rules: [] } });
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "kind" };
    await rbac.createNamespacedRoleBinding({ namespace, body: { metadata, roleRef } });
    const slices = config.makeApiClient(DiscoveryV1Api);
    await slices.createNamespacedEndpointSlice({ namespace, body: { metadata, addressType: "IPv4", endpoints: [] } });
    expect((await slices.listNamespacedEndpointSlice({ namespace })).items).toHaveLength(1);
  });
});

describe("the four kinds of patch", () => {
  const patch = (type: string, name: string, body: unknown) =>
    cluster.apps.patchNamespacedDeployment({ namespace, name, body }, setHeaderOptions("Content-Type", type));

  test("a merge patch removes what is null", async () => {
    await cluster.apps.createNamespacedDeployment({ namespace, body: deployment("merge") });
    await patch(PatchStrategy.MergePatch, "merge", { metadata: { labels: { a: "1", b: "2" } } });
    const left = await patch(PatchStrategy.MergePatch, "merge", { metadata: { labels: { a: null } } });
    expect(left.metadata?.labels).toEqual({ b: "2" });
  });

  test("a strategic merge patch merges containers by name and deletes by directive", async () => {
    await cluster.apps.createNamespacedDeployment({ namespace, body: deployment("strategic") });
    const containers = (...list: object[]) => ({ spec: { template: { spec: { containers: list } } } });
    const added = await patch(
      PatchStrategy.StrategicMergePatch,
      "strategic",
      containers({ name: "side", image: "side:1" }),
    );
    expect(added.spec?.template.spec?.containers.map(({ name, image }) => [name, image])).toEqual([
      ["side", "side:1"],
      ["app", "app:1"],
    ]);
    const left = await patch(
      PatchStrategy.StrategicMergePatch,
      "strategic",
      containers({ name: "app", $patch: "delete" }),
    );
    expect(left.spec?.template.spec?.containers.map(({ name }) => name)).toEqual(["side"]);
  });

  test("a JSON patch applies its operations in order, or none of them", async () => {
    await createMap("json", { a: "1" });
    const run = (body: object[]) =>
      cluster.core.patchNamespacedConfigMap(
        { namespace, name: "json", body },
        setHeaderOptions("Content-Type", PatchStrategy.JsonPatch),
      );
    const done = await run([
      { op: "test", path: "/data/a", value: "1" },
      { op: "copy", from: "/data/a", path: "/data/b" },
      { op: "move", from: "/data/a", path: "/data/c" },
      { op: "add", path: "/metadata/labels", value: { "x/y": "z" } },
      { op: "replace", path: "/metadata/labels/x~1y", value: "w" },
    ]);
    expect(done).toMatchObject({ data: { b: "1", c: "1" }, metadata: { labels: { "x/y": "w" } } });
    const failed = await refusal(
      run([
        { op: "remove", path: "/data/b" },
        { op: "test", path: "/data/c", value: "2" },
      ]),
    );
    expect(failed).toMatchObject({ code: 422, reason: "Invalid" });
    expect((await refusal(run([{ op: "remove", path: "/data/none" }]))).code).toBe(422);
    expect((await cluster.core.readNamespacedConfigMap({ namespace, name: "json" })).data).toEqual({ b: "1", c: "1" });
  });

  test("any other content type is a 415", async () => {
    await createMap("type");
    expect((await cluster.call("PATCH", "/api/v1/namespaces/default/configmaps/type", {})).code).toBe(415);
  });
});

describe("what is refused", () => {
  const path = "/apis/apps/v1/namespaces/default/deployments";

  test.each([
    ["a selector that does not match", { selector: { matchLabels: { other: "x" } } }, "spec.template.metadata.labels"],
    [
      "no container",
      { template: { metadata: { labels: { app: "bad" } }, spec: { containers: [] } } },
      "spec.template.spec.containers",
    ],
    ["negative replicas", { replicas: -1 }, "spec.replicas"],
    [
      "neither surge nor unavailable",
      { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } },
      "maxUnavailable",
    ],
    [
      "a deadline within minReadySeconds",
      { minReadySeconds: 9, progressDeadlineSeconds: 9 },
      "spec.progressDeadlineSeconds",
    ],
  ])("a Deployment with %s is a 422 that names the field", async (_, spec, field) => {
    const answer = await refusal(cluster.apps.createNamespacedDeployment({ namespace, body: deployment("bad", spec) }));
    expect(answer).toMatchObject({ code: 422, reason: "Invalid" });
    expect(answer.message).toContain(field);
  });

  test("a changed selector is a 422", async () => {
    await cluster.apps.createNamespacedDeployment({ namespace, body: deployment("fixed") });
    const answer = await cluster.call(
      "PATCH",
      `${path}/fixed`,
      { spec: { selector: { matchLabels: { b: "c" } } } },
      { "content-type": "application/merge-patch+json" },
    );
    expect(answer).toMatchObject({ code: 422 });
  });

  test("an unknown field: 400 when strict, a warning by default, silence when ignored; 422 in a patch", async () => {
    const body = { ...deployment("strict"), spec: { ...deployment("strict").spec, replica: 3 } };
    expect(await cluster.call("POST", `${path}?fieldValidation=Strict`, body)).toMatchObject({
      code: 400,
      body: {
        message:
          'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.replica"',
      },
    });
    const warned = await cluster.call("POST", path, body);
    expect(warned.headers.get("warning")).toContain("spec.replica");
    expect(warned.body).not.toHaveProperty("spec.replica");
    const ignored = await cluster.call("PUT", `${path}/strict?fieldValidation=Ignore`, body);
    expect(ignored.headers.get("warning")).toBeNull();
    const patched = await cluster.call(
      "PATCH",
      `${path}/strict?fieldValidation=Strict`,
      { spec: { replica: 1 } },
      { "content-type": "application/merge-patch+json" },
    );
    expect(patched.code).toBe(422);
  });

  test("a value of the wrong type is a 400, whatever the validation", async () => {
    const body = { ...deployment("typed"), spec: { ...deployment("typed").spec, replicas: "3" } };
    expect(await cluster.call("POST", `${path}?fieldValidation=Ignore`, body)).toMatchObject({
      code: 400,
      body: {
        message: expect.stringContaining("cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas"),
      },
    });
  });

  test("names, labels and namespaces that cannot be", async () => {
    expect((await refusal(createMap("Not_A_Name"))).code).toBe(422);
    const labelled = { metadata: { name: "label", labels: { a: "b c" } } };
    expect((await refusal(cluster.core.createNamespacedConfigMap({ namespace, body: labelled }))).code).toBe(422);
    expect(await refusal(cluster.core.createNamespacedConfigMap({ namespace: "none", body: map("x") }))).toMatchObject({
      code: 404,
      message: 'namespaces "none" not found',
    });
    await createMap("twice");
    expect((await refusal(createMap("twice"))).reason).toBe("AlreadyExists");
  });

  test("an immutable ConfigMap keeps its data", async () => {
    await cluster.core.createNamespacedConfigMap({
      namespace,
      body: { ...map("frozen", { a: "1" }), immutable: true },
    });
    const change = cluster.core.replaceNamespacedConfigMap({
      namespace,
      name: "frozen",
      body: { ...map("frozen", { a: "2" }), immutable: true },
    });
    expect((await refusal(change)).code).toBe(422);
  });

  test("a body that is no JSON, a method that is none, and a query that says nothing known", async () => {
    expect((await cluster.call("POST", path, "{")).code).toBe(400);
    expect((await cluster.call("POST", `${path}/x`, {})).code).toBe(405);
    expect((await cluster.call("POST", `${path}?dryRun=Some`, deployment("x"))).code).toBe(422);
    expect((await cluster.call("GET", `${path}?labelSelector=a%20b`)).code).toBe(400);
    expect((await cluster.call("GET", `${path}?fieldSelector=spec.replicas%3D1`)).code).toBe(400);
  });
});

describe("lists", () => {
  beforeAll(async () => {
    await cluster.core.createNamespace({ body: { metadata: { name: "lists" } } });
    for (const [name, labels] of Object.entries({
      a: { tier: "front", app: "x" },
      b: { tier: "back", app: "x" },
      c: { tier: "back", app: "y" },
      d: { app: "y" },
      e: {},
    }))
      await cluster.core.createNamespacedSecret({ namespace: "lists", body: { metadata: { name, labels } } });
  });
  const names = async (query: object) =>
    (await cluster.core.listNamespacedSecret({ namespace: "lists", ...query })).items
      .map(({ metadata }) => metadata?.name)
      .join("");

  test.each([
    ["tier=back", "bc"],
    ["tier==back,app=y", "c"],
    ["tier!=back", "ade"],
    ["tier in (front, back)", "abc"],
    ["tier notin (back)", "ade"],
    ["tier", "abc"],
    ["!tier", "de"],
    ["app in (y),!tier", "d"],
  ])("the selector %s chooses %s", async (labelSelector, chosen) => {
    expect(await names({ labelSelector })).toBe(chosen);
  });

  test("field selectors choose by name", async () => {
    expect(await names({ fieldSelector: "metadata.name=b" })).toBe("b");
    expect(await names({ fieldSelector: "metadata.name!=b" })).toBe("acde");
  });

  test("pages of one list all show the state of the first", async () => {
    const first = await cluster.core.listNamespacedSecret({ namespace: "lists", limit: 2 });
    expect(first.metadata?.remainingItemCount).toBe(3);
    await cluster.core.deleteNamespacedSecret({ namespace: "lists", name: "c" });
    await cluster.core.createNamespacedSecret({ namespace: "lists", body: { metadata: { name: "bb" } } });
    const second = await cluster.core.listNamespacedSecret({
      namespace: "lists",
      limit: 2,
      _continue: first.metadata?._continue ?? "",
    });
    expect(second.items.map(({ metadata }) => metadata?.name)).toEqual(["c", "d"]);
    expect(second.metadata?.resourceVersion).toBe(first.metadata?.resourceVersion);
    const third = await cluster.core.listNamespacedSecret({
      namespace: "lists",
      limit: 2,
      _continue: second.metadata?._continue ?? "",
    });
    expect(third.items.map(({ metadata }) => metadata?.name)).toEqual(["e"]);
    expect(third.metadata?._continue).toBeUndefined();
  });

  test("a continue token that cannot be read is a 400", async () => {
    expect((await cluster.call("GET", "/api/v1/namespaces/lists/secrets?continue=xyz")).code).toBe(400);
  });
});
