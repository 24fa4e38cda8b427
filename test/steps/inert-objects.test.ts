import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createOpenCluster } from "../../shared/adapters/kubernetes/open-cluster.ts";
import { inertLeftovers } from "../../shared/domain/inert.ts";
import type { KubernetesObject } from "../../shared/domain/release.ts";
import { renderRelease } from "../../shared/domain/render-release.ts";
import { applyChange } from "../../shared/steps/apply-release.ts";
import { identity } from "../domain/build.ts";
import { type Cluster as Server, startCluster } from "../local/kubernetes/cluster.ts";
import { BASE, policyFor } from "../pipeline/manifests.ts";

const NETWORK: KubernetesObject = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "network" },
  spec: { policyTypes: ["Ingress", "Egress"], ingress: [], egress: [] },
};
const BUDGET: KubernetesObject = {
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: { name: "budget" },
  spec: { minAvailable: 1 },
};

let server: Server;
let directory = "";
beforeAll(async () => {
  server = await startCluster();
  directory = await mkdtemp(join(tmpdir(), "inert-"));
  await writeFile(join(directory, "config"), server.plane.kubeconfig());
});
afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

it("an API server takes a policy and a budget about no pods in the place of the candidate's, and keeps nothing of those", async () => {
  const namespace = "inert";
  const signal = AbortSignal.timeout(30_000);
  await server.core.createNamespace({ body: { metadata: { name: namespace } } });
  const open = createOpenCluster({ kubeconfigPath: join(directory, "config"), arm: undefined });
  const { cluster } = await open({ cluster: { kind: "kubeconfig" }, namespace });
  const render = (image: string, ...besides: readonly KubernetesObject[]) =>
    renderRelease(
      [...BASE, ...besides],
      policyFor({ namespace }),
      identity(image),
      `registry/churn@sha256:${image}`,
      [],
    );
  const stable = render("1");
  const candidate = render("2", NETWORK, BUDGET);
  const change = ({ id, hashed, fixed }: typeof stable, generation: number, besides: typeof fixed = []) =>
    applyChange(
      cluster,
      { releaseId: id, hashed, fixed: [...fixed, ...besides], token: { generation, sequence: 1 }, formerly: undefined },
      signal,
    );
  const specOf = async (path: string) => (await server.call("GET", path)).body as { spec: Record<string, unknown> };
  const policy = `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies/churn-network`;
  const budget = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets/churn-budget`;
  await change(stable, 1);
  await change(candidate, 2);
  expect((await specOf(policy)).spec).toMatchObject({ podSelector: { matchLabels: { "belay.dev/target": "churn" } } });
  await change(stable, 3, inertLeftovers(candidate, stable));
  const selector = { matchLabels: { "belay.dev/target": "detached.belay.dev" } };
  const { policyTypes: _defaulted, ...rules } = (await specOf(policy)).spec;
  expect(rules).toEqual({ podSelector: selector });
  expect((await specOf(budget)).spec).toEqual({ selector });
});
