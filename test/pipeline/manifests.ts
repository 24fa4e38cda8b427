import type { TargetPolicy } from "../../shared/domain/policy.ts";
import type { KubernetesObject } from "../../shared/domain/release.ts";

/** The smallest base manifests a release can be rendered from. */
export const BASE: readonly KubernetesObject[] = [
  { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "config" }, data: { LOG_LEVEL: "info" } },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "service" },
    spec: { ports: [{ name: "http", port: 80, targetPort: 8080 }] },
  },
  {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "workload" },
    spec: {
      template: {
        spec: {
          containers: [
            {
              name: "model",
              image: "placeholder",
              ports: [{ containerPort: 8080 }],
              envFrom: [{ configMapRef: { name: "config" } }],
            },
          ],
        },
      },
    },
  },
];

/** A policy with the field's defaults and one gate. */
export function policyFor(changes: Partial<TargetPolicy> = {}): TargetPolicy {
  return {
    target: "churn",
    model: "churn-classifier",
    pointer: { kind: "alias", alias: "champion" },
    cluster: { kind: "kubeconfig" },
    namespace: "models",
    workload: "churn",
    gates: [{ kind: "metric", metric: "accuracy", bound: "above", threshold: 0.85 }],
    build: {
      template: "serving",
      baseImage: "scratch",
      platform: "linux/amd64",
      timeoutSeconds: 3600,
      maxContextBytes: 1e9,
    },
    rollout: {
      strategy: "rolling",
      manifests: "manifests",
      replicas: 3,
      maxSurge: 1,
      maxUnavailable: 0,
      startupSeconds: 150,
      timeoutSeconds: 600,
    },
    verify: {
      timeoutSeconds: 600,
      health: { path: "/ready", attempts: 30, intervalSeconds: 3, successes: 3, timeoutSeconds: 2 },
      predictions: { path: "/predict", count: 5, maxLatencySeconds: 2, samples: [] },
    },
    firstFailure: "scale-to-zero",
    movedBack: "follow",
    missing: "tell",
    notify: ["log", "webhook"],
    ...changes,
  };
}
