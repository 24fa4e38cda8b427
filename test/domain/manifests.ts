import type { KubernetesObject } from "../../shared/domain/release.ts";

/** Base manifests that use a ConfigMap in every way a pod can, and bring objects beside the workload. */
export const FULL: readonly KubernetesObject[] = [
  {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "server", labels: { team: "growth" }, annotations: { note: "ours" } },
    spec: {
      replicas: 7,
      minReadySeconds: 5,
      selector: { matchLabels: { app: "anything" } },
      template: {
        metadata: { labels: { app: "anything" }, annotations: { scrape: "yes" } },
        spec: {
          initContainers: [{ name: "warm", image: "warm:1", envFrom: [{ configMapRef: { name: "settings" } }] }],
          containers: [
            {
              name: "model",
              image: "placeholder",
              ports: [{ containerPort: 8080, name: "http" }, { containerPort: 9090 }],
              envFrom: [{ configMapRef: { name: "settings" } }, { secretRef: { name: "settings" } }],
              env: [
                { name: "ONE", valueFrom: { configMapKeyRef: { name: "settings", key: "one" } } },
                { name: "PLAIN", value: "settings" },
              ],
              startupProbe: { httpGet: { path: "/ready", port: "http" }, periodSeconds: 4 },
            },
            { name: "sidecar", image: "sidecar:1", tty: null },
          ],
          volumes: [
            { name: "settings", configMap: { name: "settings" } },
            { name: "outside", configMap: { name: "of-somebody-else" } },
            { name: "odd", configMap: null },
            { name: "projected", projected: { sources: [{ configMap: { name: "settings" } }] } },
          ],
        },
      },
    },
  },
  { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, data: { one: "1" } },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "front", namespace: "elsewhere" },
    spec: { type: "ClusterIP", selector: { app: "anything" }, ports: [{ port: 80 }] },
  },
  {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "ServiceMonitor",
    metadata: { name: "metrics" },
    spec: { endpoints: [{ tlsConfig: { ca: { configMap: { name: "settings", key: "ca" } } } }] },
  },
  { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: { name: "budget" }, spec: { minAvailable: "50%" } },
];
