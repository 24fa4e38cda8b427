import type { V1ConfigMap, V1Deployment } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asApply, type Cluster, deployment, refusal, startCluster } from "./cluster.ts";

const namespace = "default";
const OTHER_UID = "00000000-0000-0000-0000-000000000000";
let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.close());

function applyMap(
  name: string,
  data: Record<string, string>,
  { fieldManager = "belay", force = false, ...metadata }: Record<string, string | boolean> = {},
): Promise<V1ConfigMap> {
  const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...metadata }, data };
  const query = { fieldManager: String(fieldManager), ...(force === true ? { force: true } : {}) };
  return cluster.core.patchNamespacedConfigMap({ namespace, name, body, ...query }, asApply);
}

function applyDeployment(body: V1Deployment | object, fieldManager = "belay", force = false): Promise<V1Deployment> {
  const { name = "" } = (body as V1Deployment).metadata ?? {};
  return cluster.apps.patchNamespacedDeployment({ namespace, name, body, fieldManager, force }, asApply);
}

const readMap = (name: string) => cluster.core.readNamespacedConfigMap({ namespace, name });

describe("the rules that fence", () => {
  test("an apply to an absent object creates it and ignores the resourceVersion", async () => {
    const created = await applyMap("fence-1", { k: "1" }, { resourceVersion: "4711" });
    expect(created.data).toEqual({ k: "1" });
    expect(created.metadata?.resourceVersion).not.toBe("4711");
  });

  test('an apply with resourceVersion "1" is create-only', async () => {
    await applyMap("fence-2", { k: "1" }, { resourceVersion: "1" });
    const again = await refusal(applyMap("fence-2", { k: "2" }, { resourceVersion: "1" }));
    expect(again).toMatchObject({ code: 409, reason: "Conflict" });
    expect(again.message).toContain("the object has been modified");
    expect((await readMap("fence-2")).data).toEqual({ k: "1" });
  });

  test("no object ever has resourceVersion 1", async () => {
    const { items } = await cluster.core.listNamespace();
    for (const item of items) expect(Number(item.metadata?.resourceVersion)).toBeGreaterThan(1);
  });

  test("a resourceVersion that differs is a 409 and changes nothing", async () => {
    const { metadata } = await applyMap("fence-3", { k: "1" });
    await applyMap("fence-3", { k: "2" });
    const stale = { resourceVersion: metadata?.resourceVersion ?? "" };
    expect((await refusal(applyMap("fence-3", { k: "3" }, stale))).code).toBe(409);
    expect((await readMap("fence-3")).data).toEqual({ k: "2" });
  });

  test("the resourceVersion and uid that were read are accepted", async () => {
    const { metadata } = await applyMap("fence-4", { k: "1" });
    const { uid = "", resourceVersion = "" } = metadata ?? {};
    expect((await applyMap("fence-4", { k: "2" }, { uid, resourceVersion })).data).toEqual({ k: "2" });
  });

  test('resourceVersion "0" checks nothing', async () => {
    await applyMap("fence-5", { k: "1" });
    expect((await applyMap("fence-5", { k: "2" }, { resourceVersion: "0" })).data).toEqual({ k: "2" });
  });

  test("an object made anew is a 409 for who read the former one", async () => {
    const { metadata } = await applyMap("fence-6", { k: "1" });
    await cluster.core.deleteNamespacedConfigMap({ namespace, name: "fence-6" });
    await applyMap("fence-6", { k: "2" });
    const { uid = "", resourceVersion = "" } = metadata ?? {};
    expect((await refusal(applyMap("fence-6", { k: "3" }, { uid, resourceVersion }))).code).toBe(409);
  });

  test("a uid that differs is refused even where the resourceVersion is right, as an immutable field", async () => {
    const { metadata } = await applyMap("fence-7", { k: "1" });
    const { resourceVersion = "" } = metadata ?? {};
    const answer = await refusal(applyMap("fence-7", { k: "2" }, { uid: OTHER_UID, resourceVersion }));
    expect(answer).toMatchObject({ code: 422, reason: "Invalid" });
    expect(answer.message).toContain("metadata.uid");
    expect((await refusal(applyMap("fence-7", { k: "2" }, { uid: OTHER_UID }))).code).toBe(422);
    expect((await readMap("fence-7")).data).toEqual({ k: "1" });
  });

  test("a uid given for an object that is absent is a 409", async () => {
    const answer = await refusal(applyMap("fence-8", { k: "1" }, { uid: OTHER_UID }));
    expect(answer.code).toBe(409);
    expect(answer.message).toContain("no existing object was found");
  });

  test("an apply that changes nothing keeps the resourceVersion", async () => {
    const first = await applyMap("fence-9", { k: "1" });
    const again = await applyMap("fence-9", { k: "1" });
    expect(again.metadata?.resourceVersion).toBe(first.metadata?.resourceVersion);
  });
});

describe("ownership", () => {
  test("a field of another manager is a conflict, and force takes it", async () => {
    await applyMap("own-1", { a: "1", b: "1" });
    const answer = await refusal(applyMap("own-1", { a: "2", b: "2" }, { fieldManager: "other" }));
    expect(answer.code).toBe(409);
    expect(answer.message).toBe('Apply failed with 2 conflicts: conflicts with "belay":\n- .data.a\n- .data.b');
    const taken = await applyMap("own-1", { a: "2" }, { fieldManager: "other", force: true });
    expect(taken.data).toEqual({ a: "2", b: "1" });
    expect(taken.metadata?.managedFields?.map(({ manager, fieldsV1 }) => [manager, fieldsV1])).toEqual([
      ["belay", { "f:data": { "f:b": {} } }],
      ["other", { "f:data": { "f:a": {} } }],
    ]);
  });

  test("a conflict with who wrote without applying names the version", async () => {
    await cluster.core.createNamespacedConfigMap({
      namespace,
      body: { metadata: { name: "own-2" }, data: { a: "1" } },
      fieldManager: "hand",
    });
    const answer = await refusal(applyMap("own-2", { a: "2" }));
    expect(answer.message).toBe('Apply failed with 1 conflict: conflict with "hand" using v1: .data.a');
  });

  test("equal values are owned by both", async () => {
    await applyMap("own-3", { a: "1" });
    await applyMap("own-3", { a: "1" }, { fieldManager: "other" });
    expect((await applyMap("own-3", {})).data).toEqual({ a: "1" });
    expect((await applyMap("own-3", {}, { fieldManager: "other" })).data).toBeUndefined();
  });

  test("a field left out goes; labels go with it, other managers' stay", async () => {
    const body = deployment("own-4", { replicas: 1 });
    await applyDeployment({ ...body, metadata: { name: "own-4", labels: { a: "1", b: "2" } } });
    await cluster.call(
      "PATCH",
      "/apis/apps/v1/namespaces/default/deployments/own-4",
      { metadata: { labels: { c: "3" } } },
      { "content-type": "application/merge-patch+json" },
    );
    const left = await applyDeployment({ ...body, metadata: { name: "own-4", labels: { a: "1" } } });
    expect(left.metadata?.labels).toEqual({ a: "1", c: "3" });
  });

  test("replicas left out fall back to 1, unless another manager was given them first", async () => {
    const without = deployment("own-5");
    const { replicas: _, ...spec } = without.spec ?? { selector: {}, template: {} };
    await applyDeployment(deployment("own-5", { replicas: 3 }));
    expect((await applyDeployment({ ...without, spec })).spec?.replicas).toBe(1);

    await applyDeployment(deployment("own-5", { replicas: 3 }));
    const handover = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "own-5" }, spec: { replicas: 3 } };
    await applyDeployment(handover, "autoscaler");
    expect((await applyDeployment({ ...without, spec })).spec?.replicas).toBe(3);
  });

  test("a probe left out goes with its defaults, a container left out goes whole", async () => {
    const readinessProbe = { httpGet: { path: "/ready", port: 80 } };
    const container = {
      name: "app",
      image: "app:1",
      env: [
        { name: "A", value: "1" },
        { name: "B", value: "2" },
      ],
    };
    const withContainers = (containers: object[]) => ({
      ...deployment("own-6"),
      spec: {
        selector: { matchLabels: { app: "own-6" } },
        template: { metadata: { labels: { app: "own-6" } }, spec: { containers } },
      },
    });
    const sidecar = { name: "sidecar", image: "side:1" };
    const first = await applyDeployment(withContainers([{ ...container, readinessProbe }, sidecar]));
    expect(first.spec?.template.spec?.containers[0]?.readinessProbe?.periodSeconds).toBe(10);
    const second = await applyDeployment(withContainers([{ ...container, env: [{ name: "B", value: "2" }] }]));
    const [app, ...others] = second.spec?.template.spec?.containers ?? [];
    expect(others).toEqual([]);
    expect(app?.readinessProbe).toBeUndefined();
    expect(app?.env).toEqual([{ name: "B", value: "2" }]);
  });

  test("the status is nobody's through the object, and its owner's through /status", async () => {
    await applyDeployment({ ...deployment("own-7"), status: { replicas: 7 } });
    const path = "/apis/apps/v1/namespaces/default/deployments/own-7/status?fieldManager=watcher";
    const status = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "own-7" },
      status: { collisionCount: 3 },
    };
    const applied = await cluster.call("PATCH", path, status, { "content-type": "application/apply-patch+yaml" });
    expect(applied).toMatchObject({ code: 200, body: { status: { collisionCount: 3 }, spec: { replicas: 3 } } });
    const { metadata } = await cluster.apps.readNamespacedDeployment({ namespace, name: "own-7" });
    const entry = metadata?.managedFields?.find(({ manager }) => manager === "watcher");
    expect(entry).toMatchObject({ subresource: "status", fieldsV1: { "f:status": { "f:collisionCount": {} } } });
  });
});

describe("an apply is refused", () => {
  const apply = (path: string, body: unknown) =>
    cluster.call("PATCH", path, body, { "content-type": "application/apply-patch+yaml" });
  const path = "/api/v1/namespaces/default/configmaps/refused";
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "refused" } };

  test("without a field manager", async () => {
    expect(await apply(path, map)).toMatchObject({ code: 422, body: { reason: "Invalid" } });
  });

  test("with managedFields in its body", async () => {
    const body = { ...map, metadata: { name: "refused", managedFields: [] } };
    expect(await apply(`${path}?fieldManager=m`, body)).toMatchObject({
      code: 400,
      body: { message: "metadata.managedFields must be nil" },
    });
  });

  test("for another name, another version, or no kind", async () => {
    const other = { ...map, metadata: { name: "other" } };
    expect((await apply(`${path}?fieldManager=m`, other)).code).toBe(400);
    expect((await apply(`${path}?fieldManager=m`, { ...map, apiVersion: "v2" })).code).toBe(400);
    expect((await apply(`${path}?fieldManager=m`, { metadata: { name: "refused" } })).code).toBe(400);
  });

  test("with a field the schema does not know: 500 without a reason, as the real server says it", async () => {
    const answer = await apply(`${path}?fieldManager=m`, { ...map, dota: {} });
    expect(answer).toMatchObject({ code: 500, body: { status: "Failure" } });
    expect(answer.body).not.toHaveProperty("reason");
    expect(answer.body).toHaveProperty(
      "message",
      "failed to create typed patch object (/refused; /v1, Kind=ConfigMap): .dota: field not declared in schema",
    );
  });

  test("as YAML that cannot be read", async () => {
    expect((await apply(`${path}?fieldManager=m`, "a: [")).code).toBe(400);
  });

  test("but not as YAML that can", async () => {
    const yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: refused\ndata:\n  a: '1'\n";
    expect(await apply(`${path}?fieldManager=m`, yaml)).toMatchObject({ code: 201, body: { data: { a: "1" } } });
  });

  test("and with dryRun stores nothing", async () => {
    const dry = "/api/v1/namespaces/default/configmaps/dry?fieldManager=m&dryRun=All";
    expect((await apply(dry, { ...map, metadata: { name: "dry" } })).code).toBe(201);
    expect((await refusal(readMap("dry"))).code).toBe(404);
  });
});
