import { isObject, type Json, type JsonObject, objectAt } from "./json.ts";
import type { KubeObject } from "./objects.ts";
import type { Resource } from "./resources.ts";

/** Fills in what the real server fills in, in place. */
export function setDefaults(resource: Resource, object: KubeObject): void {
  const { spec } = object;
  DEFAULTS[resource.plural]?.(object, isObject(spec) ? spec : {});
}

/** The objects in the list at this field. */
export function objectsAt(holder: JsonObject, field: string): JsonObject[] {
  const list = holder[field];
  return Array.isArray(list) ? list.filter(isObject) : [];
}

function fill(target: JsonObject, values: JsonObject): void {
  for (const [field, value] of Object.entries(values)) target[field] ??= structuredClone(value);
}

const DEFAULTS: Readonly<Record<string, (object: KubeObject, spec: JsonObject) => void>> = {
  namespaces(object) {
    const labels = { ...object.metadata.labels, "kubernetes.io/metadata.name": object.metadata.name };
    object.metadata.labels = labels;
    fill(object, { spec: {} });
    fill(objectAt(object, "spec"), { finalizers: ["kubernetes"] });
  },
  nodes: (object) => fill(object, { spec: {} }),
  pods: (_, spec) => {
    podDefaults(spec);
    fill(spec, { enableServiceLinks: true, serviceAccountName: "default", preemptionPolicy: "PreemptLowerPriority" });
    fill(spec, { serviceAccount: spec["serviceAccountName"] ?? "default", priority: 0 });
    for (const container of objectsAt(spec, "containers")) requestsFromLimits(container);
  },
  services: (_, spec) => serviceDefaults(spec),
  endpoints: (object) => {
    for (const subset of objectsAt(object, "subsets"))
      for (const port of objectsAt(subset, "ports")) fill(port, { protocol: "TCP" });
  },
  endpointslices: (object) => {
    for (const port of objectsAt(object, "ports")) fill(port, { name: "", protocol: "TCP" });
  },
  secrets(object) {
    fill(object, { type: "Opaque" });
    const plain = Object.entries(objectAt(object, "stringData"));
    if (plain.length > 0) {
      const encoded = plain.map(([key, text]) => [key, Buffer.from(String(text)).toString("base64")]);
      object["data"] = { ...objectAt(object, "data"), ...Object.fromEntries(encoded) };
    }
    delete object["stringData"];
  },
  events: (object) => fill(object, { source: {}, type: "Normal" }),
  deployments(_, spec) {
    fill(spec, { replicas: 1, strategy: {}, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 });
    const strategy = objectAt(spec, "strategy");
    fill(strategy, { type: "RollingUpdate" });
    if (strategy["type"] === "RollingUpdate") {
      fill(strategy, { rollingUpdate: {} });
      fill(objectAt(strategy, "rollingUpdate"), { maxUnavailable: "25%", maxSurge: "25%" });
    }
    templateDefaults(spec);
  },
  replicasets(_, spec) {
    fill(spec, { replicas: 1 });
    templateDefaults(spec);
  },
  horizontalpodautoscalers(_, spec) {
    const cpu = {
      type: "Resource",
      resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } },
    };
    fill(spec, { minReplicas: 1, metrics: [cpu] });
  },
  networkpolicies(_, spec) {
    fill(spec, { podSelector: {}, policyTypes: spec["egress"] === undefined ? ["Ingress"] : ["Ingress", "Egress"] });
    for (const rule of [...objectsAt(spec, "ingress"), ...objectsAt(spec, "egress")])
      for (const port of objectsAt(rule, "ports")) fill(port, { protocol: "TCP" });
  },
};

function serviceDefaults(spec: JsonObject): void {
  fill(spec, { type: "ClusterIP", sessionAffinity: "None" });
  if (spec["type"] !== "ExternalName")
    fill(spec, { internalTrafficPolicy: "Cluster", ipFamilies: ["IPv4"], ipFamilyPolicy: "SingleStack" });
  if (spec["type"] === "NodePort" || spec["type"] === "LoadBalancer") fill(spec, { externalTrafficPolicy: "Cluster" });
  for (const port of objectsAt(spec, "ports")) fill(port, { protocol: "TCP", targetPort: port["port"] ?? null });
}

function templateDefaults(spec: JsonObject): void {
  const template = objectAt(spec, "template");
  if (isObject(template["spec"])) podDefaults(template["spec"]);
}

function podDefaults(spec: JsonObject): void {
  fill(spec, {
    restartPolicy: "Always",
    terminationGracePeriodSeconds: 30,
    dnsPolicy: "ClusterFirst",
    securityContext: {},
    schedulerName: "default-scheduler",
  });
  for (const container of [...objectsAt(spec, "containers"), ...objectsAt(spec, "initContainers")])
    containerDefaults(container);
  for (const volume of objectsAt(spec, "volumes")) volumeDefaults(volume);
}

function containerDefaults(container: JsonObject): void {
  fill(container, {
    resources: {},
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "File",
    imagePullPolicy: pullPolicy(container["image"]),
  });
  for (const port of objectsAt(container, "ports")) fill(port, { protocol: "TCP" });
  for (const variable of objectsAt(container, "env")) {
    const source = objectAt(objectAt(variable, "valueFrom"), "fieldRef");
    if (source["fieldPath"] !== undefined) fill(source, { apiVersion: "v1" });
  }
  for (const name of ["livenessProbe", "readinessProbe", "startupProbe"]) probeDefaults(container[name]);
}

function pullPolicy(image: Json | undefined): string {
  const name = String(image).split("/").at(-1) ?? "";
  return name.endsWith(":latest") || !/[:@]/.test(name) ? "Always" : "IfNotPresent";
}

function probeDefaults(probe: Json | undefined): void {
  if (!isObject(probe)) return;
  fill(probe, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 });
  if (isObject(probe["httpGet"])) fill(probe["httpGet"], { path: "/", scheme: "HTTP" });
}

function volumeDefaults(volume: JsonObject): void {
  const sources = Object.keys(volume).filter((field) => field !== "name");
  if (sources.length === 0) volume["emptyDir"] = {};
  for (const source of ["configMap", "secret", "projected", "downwardAPI"]) {
    const found = volume[source];
    if (isObject(found)) fill(found, { defaultMode: 420 });
  }
}

function requestsFromLimits(container: JsonObject): void {
  const asked = objectAt(container, "resources");
  const limits = objectAt(asked, "limits");
  if (Object.keys(limits).length > 0) asked["requests"] = { ...limits, ...objectAt(asked, "requests") };
}
