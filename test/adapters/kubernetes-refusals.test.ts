import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createOpenCluster } from "../../shared/adapters/kubernetes/open-cluster.ts";
import { errored } from "../../shared/domain/problem.ts";
import type { KubernetesObject } from "../../shared/domain/release.ts";
import { servedKinds } from "../../shared/steps/served-kinds.ts";
import { type Cluster as Server, startCluster } from "../local/kubernetes/cluster.ts";
import { policyFor } from "../pipeline/manifests.ts";

const MONITORING = "monitoring.coreos.com/v1";
const signal = AbortSignal.timeout(60_000);
const config = (name: string, more: object = {}): KubernetesObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  ...more,
});
const monitor: KubernetesObject = { apiVersion: MONITORING, kind: "ServiceMonitor", metadata: { name: "a" }, spec: {} };

let server: Server | undefined;
let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "refusals-"));
});
afterEach(async () => {
  await server?.close();
  await rm(directory, { recursive: true, force: true });
});

async function open(namespace: string, customResources = false) {
  server = await startCluster({ customResources });
  const { plane } = server;
  await writeFile(join(directory, "config"), plane.kubeconfig());
  const openCluster = createOpenCluster({ kubeconfigPath: join(directory, "config"), arm: undefined });
  const opened = await openCluster({ cluster: { kind: "kubeconfig" }, namespace });
  return { cluster: opened.cluster, access: async () => opened, requests: () => plane.requests() };
}

describe("a namespace that is not there", () => {
  it("is named where an object is looked for, with the command that makes it", async () => {
    const { cluster } = await open("models");
    const missing = { name: "PermanentError", code: "namespace-missing" };
    await expect(cluster.read(config("a"), signal)).rejects.toMatchObject({
      ...missing,
      message: expect.stringContaining('namespaces "models" not found'),
    });
    expect(errored("namespace-missing", "").remedy).toContain("kubectl apply --server-side -f infra/kubernetes/setup/");
  });

  it("is named where an object is applied", async () => {
    const { cluster } = await open("models");
    await expect(cluster.apply(config("a"), undefined, signal)).rejects.toMatchObject({ code: "namespace-missing" });
  });

  it("is looked for once, however many objects are absent, and nothing is left of the look", async () => {
    const { cluster, requests } = await open("default");
    const read = await Promise.all(["a", "b", "c"].map((name) => cluster.read(config(name), signal)));
    expect(read).toEqual([undefined, undefined, undefined]);
    expect(requests()).toMatchObject({ "get configmaps": 3, "patch configmaps": 1 });
    expect((await server?.core.listNamespacedConfigMap({ namespace: "default" }))?.items).toEqual([]);
  });

  it("is not looked for where an object is there", async () => {
    const { cluster, requests } = await open("default");
    await cluster.apply(config("a"), undefined, signal);
    expect(await cluster.read(config("a"), signal)).toBeDefined();
    expect(requests()).toMatchObject({ "patch configmaps": 1 });
  });
});

describe("what the API server refuses for good", () => {
  it("a field that it does not know, by its name", async () => {
    const { cluster } = await open("default");
    await expect(cluster.apply(config("a", { dota: {} }), undefined, signal)).rejects.toMatchObject({
      ...{ name: "PermanentError", code: "release-invalid" },
      message: expect.stringMatching(
        /^Applying ConfigMap a: Kubernetes knows no such field\. .*\.dota: field not declared/,
      ),
    });
  });

  it("a kind that it does not have", async () => {
    const { cluster } = await open("default");
    await expect(cluster.apply(monitor, undefined, signal)).rejects.toMatchObject({
      ...{ name: "PermanentError", code: "rollout-refused" },
      message: "Applying ServiceMonitor a: the cluster does not know this kind (404).",
    });
  });
});

describe("custom kinds", () => {
  it.each([
    { custom: false, kinds: [] },
    { custom: true, kinds: ["PrometheusRule", "ServiceMonitor"] },
  ])("are those that the cluster has: $kinds", async ({ custom, kinds }) => {
    const { cluster } = await open("default", custom);
    for (const _ of [1, 2]) expect((await cluster.kinds(MONITORING, signal)).toSorted()).toEqual(kinds);
  });

  it("are applied, listed as owned and removed like others where the cluster has them", async () => {
    const { cluster } = await open("default", true);
    const labelled = { ...monitor, metadata: { name: "a", labels: { "belay.dev/target": "churn" } } };
    expect(await cluster.apply(labelled, undefined, signal)).toBe("applied");
    const [owned] = await cluster.listOwned("churn", signal);
    expect(owned?.reference).toMatchObject({ kind: "ServiceMonitor", metadata: { name: "a" } });
    if (owned !== undefined) await cluster.remove(owned, signal);
    expect(await cluster.listOwned("churn", signal)).toEqual([]);
  });

  it("are asked for only where the base manifests hold some", async () => {
    const { access, requests } = await open("default", true);
    expect(await servedKinds(never, policyFor(), [config("a")], signal)).toEqual(new Set());
    expect(requests()).toEqual({});
    expect(await servedKinds(access, policyFor(), [config("a"), monitor], signal)).toEqual(
      new Set([`${MONITORING} ServiceMonitor`, `${MONITORING} PrometheusRule`]),
    );
  });
});

/** Stands where nobody may look. */
function never(): never {
  throw new Error("This must not be asked.");
}
