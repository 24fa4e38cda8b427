import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { objectPath } from "../../shared/adapters/kubernetes/kinds.ts";
import { createOpenCluster } from "../../shared/adapters/kubernetes/open-cluster.ts";
import { readManifests } from "../../shared/config/read-manifests.ts";
import type { KubernetesObject } from "../../shared/domain/release.ts";
import { kindText, RELEASE_KINDS } from "../../shared/domain/release-kinds.ts";
import { renderRelease } from "../../shared/domain/render-release.ts";
import { CHURN, check } from "../config/policies.ts";
import { type Cluster, isReal, startCluster } from "../local/kubernetes/cluster.ts";

const FOLDER = resolve(import.meta.dirname, "../../infra/kubernetes");
const APPLY = { "content-type": "application/apply-patch+yaml" };
/** Where the set-up's objects lie in the API. */
const PLACES: Readonly<Record<string, string>> = {
  Namespace: "/api/v1/namespaces",
  ServiceAccount: "/api/v1/namespaces/models/serviceaccounts",
  Role: "/apis/rbac.authorization.k8s.io/v1/namespaces/models/roles",
  RoleBinding: "/apis/rbac.authorization.k8s.io/v1/namespaces/models/rolebindings",
};

/** A real control plane has no custom kinds here; the stand-in does. */
const KNOWN = RELEASE_KINDS.filter(({ custom }) => custom !== true || !isReal).map(kindText);
const isKnown = (object: KubernetesObject) => KNOWN.includes(kindText(object));

let kubernetes: Cluster;
let folder: string;

beforeAll(async () => {
  kubernetes = await startCluster({ customResources: true });
  folder = mkdtempSync(join(tmpdir(), "manifests-"));
  writeFileSync(join(folder, "kubeconfig"), kubernetes.config.exportConfig());
});
afterAll(async () => {
  await kubernetes.close();
  rmSync(folder, { recursive: true });
});

test("an API server takes the base manifests as they are, strictly validated", async () => {
  for (const object of (await readManifests(FOLDER)).filter(isKnown)) {
    const path = `${objectPath(object, "default")}?fieldManager=kubectl&fieldValidation=Strict`;
    const { code, body } = await kubernetes.call("PATCH", path, object, APPLY);
    expect([object.kind, code, code === 201 ? "" : body]).toEqual([object.kind, 201, ""]);
  }
});

test("an API server takes the set-up and then the release, strictly validated, and again without a change", async () => {
  for (const object of await readManifests(join(FOLDER, "setup"))) {
    const path = `${PLACES[object.kind]}/${object.metadata.name}?fieldManager=admin&fieldValidation=Strict`;
    const { code, body } = await kubernetes.call("PATCH", path, object, APPLY);
    expect([object.kind, code, code === 201 ? "" : body]).toEqual([object.kind, 201, ""]);
  }
  const [policy] = check(`version: 1\ntargets:\n  churn:${CHURN}`).targets;
  if (policy === undefined) throw new Error("the policy has no target");
  const model = { name: "churn-classifier", version: "7", createdAt: 1 };
  const release = renderRelease(
    await readManifests(FOLDER),
    policy,
    model,
    `registry/churn@sha256:${"a".repeat(64)}`,
    [],
    new Set(KNOWN),
  );
  expect(new Set([...release.hashed, ...release.fixed].map(kindText))).toEqual(new Set(KNOWN));
  const { cluster } = await createOpenCluster({ kubeconfigPath: join(folder, "kubeconfig"), arm: undefined })({
    cluster: { kind: "kubeconfig" },
    namespace: "models",
  });
  const signal = AbortSignal.timeout(5_000);
  for (const object of [...release.hashed, ...release.fixed]) {
    expect(await cluster.apply(object, undefined, signal)).toBe("applied");
    expect(await cluster.read(object, signal)).toBeDefined();
    // A controller may write the status in between.
    await expect.poll(async () => cluster.apply(object, await cluster.read(object, signal), signal)).toBe("applied");
  }
  expect(await cluster.workload("churn", signal)).toMatchObject({ name: "churn", specReplicas: 3 });
});
