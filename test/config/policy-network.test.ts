import { describe, expect, test } from "vitest";
import { checkTarget } from "./policies.ts";

const network = (entries: string) => checkTarget(`network:\n${entries.replaceAll(/^/gm, "  ")}`);

describe("what a target needs of the network", () => {
  test("is not said where the policy does not say it: the base manifests have the word", () => {
    expect(checkTarget("namespace: prod").targets[0]).not.toHaveProperty("network");
  });

  test("has the field's defaults beside what the policy says", () => {
    expect(network("service: LoadBalancer").targets[0]?.network).toEqual({
      ...{ service: "LoadBalancer", internal: false, clients: [], artifacts: [] },
      metrics: [{ kind: "pods", namespace: "monitoring", labels: {} }],
      apiServer: [{ kind: "pods", namespace: "kube-system", labels: {} }],
    });
  });

  test("is said by namespaces, labels, addresses and ports", () => {
    const entries = [
      "clients: [{ namespace: ingress, pods: { app.kubernetes.io/name: ingress-nginx } }, { cidr: 10.0.0.0/8 }]",
      "mlflow: { uri: 'http://mlflow.mlflow:5000', to: [{ namespace: mlflow, port: 5000 }] }",
      "artifacts: [{ cidr: 10.1.2.3/32 }]",
    ];
    expect(network(entries.join("\n")).targets[0]?.network).toMatchObject({
      clients: [
        { kind: "pods", namespace: "ingress", labels: { "app.kubernetes.io/name": "ingress-nginx" } },
        { kind: "addresses", cidr: "10.0.0.0/8" },
      ],
      mlflow: {
        uri: "http://mlflow.mlflow:5000",
        to: [{ kind: "pods", namespace: "mlflow", labels: {}, port: 5000 }],
      },
      artifacts: [{ kind: "addresses", cidr: "10.1.2.3/32", port: 443 }],
    });
  });

  test.each([
    { entries: "clients: [{}]", allowed: /exactly one of namespace .*, cidr/ },
    { entries: "clients: [{ namespace: a, cidr: 10.0.0.0/8 }]", allowed: /exactly one of/ },
    { entries: "clients: [{ pods: { app: a } }]", allowed: /exactly one of/ },
    { entries: "clients: [{ cidr: everywhere }]", allowed: /a range of addresses such as 10\.0\.0\.0\/8/ },
    { entries: "service: NodePort", allowed: /one of ClusterIP, LoadBalancer/ },
    { entries: "artifacts: [{ cidr: 10.0.0.0/8, port: 0 }]", allowed: /a whole number from 1 to 65535/ },
    { entries: "mlflow: { uri: mlflow, to: [] }", allowed: /the address of the MLflow server/ },
  ])("is refused as $entries", ({ entries, allowed }) => {
    expect(network(entries).problems).toMatchObject([{ allowed: expect.stringMatching(allowed) }]);
  });
});

test("the autoscaler's bounds may be the policy's, in their order", () => {
  const bounds = (text: string) => checkTarget(`rollout: { autoscaling: ${text} }`);
  expect(bounds("{ minReplicas: 5, maxReplicas: 20 }").targets[0]?.rollout.autoscaling).toEqual({
    ...{ minReplicas: 5, maxReplicas: 20 },
  });
  expect(bounds("{ minReplicas: 5, maxReplicas: 4 }").problems).toMatchObject([
    { allowed: "a maxReplicas of at least the minReplicas" },
  ]);
});
