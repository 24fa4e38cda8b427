import { describe, expect, it } from "vitest";
import type { NetworkNeeds } from "../../shared/domain/policy.ts";
import { type KubernetesObject, LABELS } from "../../shared/domain/release.ts";
import { renderRelease } from "../../shared/domain/render-release.ts";
import { BASE, policyFor } from "../pipeline/manifests.ts";
import { identity } from "./build.ts";

const NEEDS: NetworkNeeds = { internal: false, clients: [], metrics: [], apiServer: [], artifacts: [] };
const own: KubernetesObject = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "network" },
  spec: { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ from: [{ podSelector: {} }] }] },
};
const POD_SELECTOR = { matchLabels: { [LABELS.name]: "churn", [LABELS.target]: "churn" } };

function rendered(
  kind: string,
  network: Partial<NetworkNeeds> | undefined,
  extra: readonly KubernetesObject[] = [own],
) {
  const policy = network === undefined ? policyFor() : policyFor({ network: { ...NEEDS, ...network } });
  const release = renderRelease([...BASE, ...extra], policy, identity("2"), "registry/churn@sha256:2", []);
  return release.fixed.find((object) => object.kind === kind);
}

const rules = (network: Partial<NetworkNeeds>) => rendered("NetworkPolicy", network)?.["spec"];

describe("a network policy", () => {
  it("is about the target's pods only, and keeps its rules where the policy says nothing", () => {
    expect(rendered("NetworkPolicy", undefined)?.["spec"]).toEqual({
      podSelector: POD_SELECTOR,
      policyTypes: ["Ingress"],
      ingress: [{ from: [{ podSelector: {} }] }],
    });
  });

  it("of another name keeps its rules whatever the policy says", () => {
    const other = { ...own, metadata: { name: "ours" } };
    expect(rendered("NetworkPolicy", { clients: [{ kind: "addresses", cidr: "10.0.0.0/8" }] }, [other])).toMatchObject({
      metadata: { name: "churn-ours" },
      spec: { podSelector: POD_SELECTOR, policyTypes: ["Ingress"], ingress: [{ from: [{ podSelector: {} }] }] },
    });
  });

  it("lets in the same namespace and out to DNS, by UDP and TCP, and nothing else, where nothing is needed", () => {
    expect(rules({})).toEqual({
      podSelector: POD_SELECTOR,
      policyTypes: ["Ingress", "Egress"],
      ingress: [{ from: [{ podSelector: {} }], ports: [{ protocol: "TCP", port: 8080 }] }],
      egress: [
        {
          to: [
            {
              namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
              podSelector: { matchLabels: { "k8s-app": "kube-dns" } },
            },
            { ipBlock: { cidr: "169.254.0.0/16" } },
          ],
          ports: [
            { protocol: "UDP", port: 53 },
            { protocol: "TCP", port: 53 },
          ],
        },
      ],
    });
  });

  it("lets in clients, the scraper and the API server", () => {
    const namespaced = (namespace: string, labels = {}) => ({ kind: "pods" as const, namespace, labels });
    const spec = rules({
      clients: [namespaced("ingress", { app: "nginx" }), { kind: "addresses", cidr: "10.1.0.0/16" }],
      metrics: [namespaced("monitoring")],
      apiServer: [namespaced("kube-system")],
    });
    const inNamespace = (name: string) => ({
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } },
    });
    expect(spec).toMatchObject({
      ingress: [
        {
          from: [
            { podSelector: {} },
            { ...inNamespace("ingress"), podSelector: { matchLabels: { app: "nginx" } } },
            { ipBlock: { cidr: "10.1.0.0/16" } },
            inNamespace("monitoring"),
            inNamespace("kube-system"),
          ],
        },
      ],
    });
  });

  it("lets out to MLflow and to the artifacts, each on its port", () => {
    const spec = rules({
      mlflow: { uri: "http://mlflow:5000", to: [{ kind: "pods", namespace: "mlflow", labels: {}, port: 5000 }] },
      artifacts: [{ kind: "addresses", cidr: "10.2.0.4/32", port: 443 }],
    }) as { egress: unknown[] };
    expect(spec.egress.slice(1)).toEqual([
      {
        to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "mlflow" } } }],
        ports: [{ protocol: "TCP", port: 5000 }],
      },
      { to: [{ ipBlock: { cidr: "10.2.0.4/32" } }], ports: [{ protocol: "TCP", port: 443 }] },
    ]);
  });

  it.each<{ name: string; network: Partial<NetworkNeeds>; everywhere: boolean }>([
    { name: "lets everybody in behind a load balancer without named addresses", network: {}, everywhere: true },
    {
      name: "lets only them in where addresses are named",
      network: { clients: [{ kind: "addresses", cidr: "203.0.113.0/24" }] },
      everywhere: false,
    },
  ])("$name", ({ network, everywhere }) => {
    const text = JSON.stringify(rules({ service: "LoadBalancer", ...network }));
    expect(text.includes("0.0.0.0/0")).toBe(everywhere);
  });
});

it("a network policy lets everybody in behind a load balancer of the base manifests' own", () => {
  const base = BASE.map((object) =>
    object.kind === "Service" ? { ...object, spec: { ...(object["spec"] as object), type: "LoadBalancer" } } : object,
  );
  const release = renderRelease([...base, own], policyFor({ network: NEEDS }), identity("2"), "r/churn@sha256:2", []);
  expect(JSON.stringify(release.fixed.find(({ kind }) => kind === "NetworkPolicy"))).toContain("0.0.0.0/0");
});

describe("the service", () => {
  it("is of the base's type where the policy says none", () => {
    const spec = rendered("Service", {})?.["spec"];
    expect(spec).toEqual({ ports: [{ name: "http", port: 80, targetPort: 8080 }], selector: POD_SELECTOR.matchLabels });
  });

  it("is of the policy's type", () => {
    expect(rendered("Service", { service: "ClusterIP" })).toMatchObject({ spec: { type: "ClusterIP" } });
  });

  it("lets its load balancer keep clients' addresses, and through only those that are named", () => {
    const clients = [
      { kind: "pods" as const, namespace: "web", labels: {} },
      { kind: "addresses" as const, cidr: "203.0.113.0/24" },
    ];
    expect(rendered("Service", { service: "LoadBalancer", clients })?.["spec"]).toMatchObject({
      type: "LoadBalancer",
      externalTrafficPolicy: "Local",
      loadBalancerSourceRanges: ["203.0.113.0/24"],
    });
    expect(rendered("Service", { service: "LoadBalancer" })?.["spec"]).not.toHaveProperty("loadBalancerSourceRanges");
  });

  it.each([
    { internal: true, annotations: { "service.beta.kubernetes.io/azure-load-balancer-internal": "true" } },
    { internal: false, annotations: undefined },
  ])("has an address of the virtual network only where the policy says so: $internal", ({ internal, annotations }) => {
    const service = rendered("Service", { service: "LoadBalancer", internal });
    expect(service?.metadata.annotations).toEqual(annotations);
  });
});

describe("a model that needs MLflow at its start", () => {
  const waiting: readonly KubernetesObject[] = BASE.map((object) =>
    object.kind === "Deployment"
      ? JSON.parse(
          JSON.stringify(object).replace(
            '"containers":',
            '"initContainers":[{"name":"check-mlflow","image":"x"},{"name":"ours","image":"ours:1"}],"containers":',
          ),
        )
      : object,
  );
  const render = (network: Partial<NetworkNeeds>) =>
    renderRelease(waiting, policyFor({ network: { ...NEEDS, ...network } }), identity("2"), "r/churn@sha256:2", []);
  const mlflow = { uri: "http://mlflow.mlflow:5000", to: [] };

  it("waits for it in its own image, and is told its address", () => {
    const release = render({ mlflow });
    const template = { template: { spec: { initContainers: [{ image: "r/churn@sha256:2" }, { image: "ours:1" }] } } };
    expect(release.fixed.at(-1)).toMatchObject({ spec: template });
    expect(release.hashed[0]).toMatchObject({ data: { MLFLOW_TRACKING_URI: "http://mlflow.mlflow:5000" } });
  });

  it("is the only one that does", () => {
    const release = render({});
    expect(release.fixed.at(-1)).toMatchObject({
      spec: { template: { spec: { initContainers: [{ name: "ours" }] } } },
    });
    expect(release.hashed[0]).not.toHaveProperty("data.MLFLOW_TRACKING_URI");
  });
});
