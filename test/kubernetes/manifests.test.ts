import { resolve } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { JsonObject } from "../../infra/local/kubernetes/json.ts";
import { conform } from "../../infra/local/kubernetes/schema.ts";
import { KINDS, PRUNED_KINDS } from "../../shared/adapters/kubernetes/kinds.ts";
import { readManifests } from "../../shared/config/read-manifests.ts";
import { InvalidManifestError } from "../../shared/domain/manifest.ts";
import type { KubernetesObject, Release } from "../../shared/domain/release.ts";
import { kindText } from "../../shared/domain/release-kinds.ts";
import { renderRelease } from "../../shared/domain/render-release.ts";
import { CHURN, check } from "../config/policies.ts";

const FOLDER = resolve(import.meta.dirname, "../../infra/kubernetes");
const IMAGE = `crbelay.azurecr.io/churn@sha256:${"a".repeat(64)}`;
const MODEL = { name: "churn-classifier", version: "7", createdAt: 1 };

let base: readonly KubernetesObject[];
let setup: readonly KubernetesObject[];
let release: Release;

beforeAll(async () => {
  base = await readManifests(FOLDER);
  setup = await readManifests(resolve(FOLDER, "setup"));
  release = render(base);
});

function render(objects: readonly KubernetesObject[]): Release {
  const [policy] = check(`version: 1\ntargets:\n  churn-production:${CHURN}\n    workload: churn`).targets;
  if (policy === undefined) throw new Error("the policy has no target");
  return renderRelease(objects, policy, MODEL, IMAGE, [], new Set(CUSTOM.map(kindText)));
}

const CUSTOM = KINDS.filter(({ custom }) => custom === true);

/** What the classes of the official client do not know or would not take. */
function faultsOf(object: KubernetesObject): readonly string[] {
  const json: JsonObject = JSON.parse(JSON.stringify(object));
  const version = /v\d+$/.exec(object.apiVersion)?.[0].toUpperCase() ?? "";
  const { unknown, mistyped } = conform(json, `${version}${object.kind}`);
  return [...unknown, ...mistyped];
}

const podTemplate = z.object({
  spec: z.object({
    replicas: z.number(),
    revisionHistoryLimit: z.number(),
    progressDeadlineSeconds: z.number(),
    template: z.object({
      metadata: z.object({ labels: z.record(z.string(), z.string()) }),
      spec: z.looseObject({
        securityContext: z.unknown(),
        topologySpreadConstraints: z.array(z.unknown()),
        volumes: z.array(z.unknown()),
        containers: z.array(z.looseObject({ name: z.string(), image: z.string() })).length(1),
      }),
    }),
  }),
});

function workload() {
  return podTemplate.parse(release.fixed.at(-1)).spec;
}

describe("the release rendered from the base manifests", () => {
  test("has everything a target needs", () => {
    expect(release.fixed.map(({ kind }) => kind)).toEqual([
      ...["PrometheusRule", "HorizontalPodAutoscaler", "PodDisruptionBudget", "ServiceMonitor", "NetworkPolicy"],
      ...["Service", "Deployment"],
    ]);
    expect(release.hashed.map(({ kind }) => kind)).toEqual(["ConfigMap"]);
    expect(release.service).toEqual({ name: "churn", port: "http" });
    expect(release.containerPort).toBe(8000);
  });

  test("has the network policy that a policy's defaults would be rendered to", () => {
    const [policy] = check(
      `version: 1\ntargets:\n  churn-production:${CHURN}\n    workload: churn\n    network: {}`,
    ).targets;
    if (policy === undefined) throw new Error("the policy has no target");
    const declared = renderRelease(base, policy, MODEL, IMAGE, []);
    const rules = ({ fixed }: Release) => fixed.find(({ kind }) => kind === "NetworkPolicy");
    expect(rules(declared)).toEqual(rules(release));
  });

  test("lets the autoscaler have three to ten pods, up at once and down slowly", () => {
    expect(release.fixed.find(({ kind }) => kind === "HorizontalPodAutoscaler")?.["spec"]).toMatchObject({
      ...{ minReplicas: 3, maxReplicas: 10 },
      metrics: [
        { resource: { name: "cpu", target: { averageUtilization: 70 } } },
        { resource: { name: "memory", target: { averageUtilization: 80 } } },
      ],
      behavior: {
        scaleUp: { stabilizationWindowSeconds: 0, policies: [{ type: "Percent", value: 100 }] },
        scaleDown: { stabilizationWindowSeconds: 300, policies: [{ type: "Percent", value: 50 }] },
      },
    });
  });

  test("keeps two pods when a node is drained", () => {
    expect(release.fixed.find(({ kind }) => kind === "PodDisruptionBudget")).toMatchObject({
      spec: { minAvailable: 2 },
    });
  });

  test("has alerts about the target's own objects, and no word of the base's names", () => {
    const rule = JSON.stringify(release.fixed.find(({ kind }) => kind === "PrometheusRule"));
    for (const matcher of [
      'deployment=\\"churn\\"',
      'pod=~\\"churn-',
      'horizontalpodautoscaler=\\"churn-autoscaler\\"',
    ])
      expect(rule).toContain(matcher);
    expect(rule).not.toMatch(/=~?\\"(workload|autoscaler)/);
  });

  test("serves on the port that the configuration tells the server", () => {
    expect(release.hashed[0]).toMatchObject({ data: { PORT: String(release.containerPort) } });
  });

  test("holds no field that Kubernetes does not know, and none of the wrong type", () => {
    for (const object of [...release.fixed, ...release.hashed])
      expect([object.kind, ...faultsOf(object)]).toEqual([object.kind]);
  });

  test("a field that Kubernetes does not know would be seen", () => {
    expect(faultsOf({ apiVersion: "v1", kind: "Service", metadata: { name: "a" }, spec: { prots: [] } })).toEqual([
      "spec.prots",
    ]);
  });

  test("runs the image by its digest, as many times as the policy says", () => {
    expect(workload()).toMatchObject({
      replicas: 3,
      progressDeadlineSeconds: 540,
      template: { spec: { containers: [{ name: "model", image: IMAGE }] } },
    });
  });

  test("refers to the ConfigMap under its hashed name", () => {
    const [config] = release.hashed;
    expect(config?.metadata.name).toMatch(/^churn-config-[0-9a-f]{10}$/);
    expect(workload().template.spec.containers[0]).toMatchObject({
      envFrom: [{ configMapRef: { name: config?.metadata.name } }, { secretRef: { name: "model", optional: true } }],
    });
    expect(config).toMatchObject({
      immutable: true,
      data: { PORT: "8000", MODEL_NAME: MODEL.name, MODEL_VERSION: "7" },
    });
  });

  test("gives a pod the startup time the policy says, and has all three probes", () => {
    expect(workload().template.spec.containers[0]).toMatchObject({
      startupProbe: { httpGet: { path: "/health", port: "http" }, periodSeconds: 5, failureThreshold: 30 },
      livenessProbe: {
        httpGet: { path: "/health", port: "http" },
        ...{ initialDelaySeconds: 30, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
      },
      readinessProbe: {
        httpGet: { path: "/ready", port: "http" },
        ...{ initialDelaySeconds: 10, periodSeconds: 5, timeoutSeconds: 3, failureThreshold: 2 },
      },
    });
  });

  test("is hardened", () => {
    const { spec } = workload().template;
    expect(spec).toMatchObject({
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 30,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
      volumes: [{ name: "tmp", emptyDir: {} }],
    });
    expect(spec.containers[0]).toMatchObject({
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      },
      lifecycle: { preStop: { sleep: { seconds: 5 } } },
      resources: { requests: { cpu: "500m", memory: "512Mi" }, limits: { cpu: "2", memory: "2Gi" } },
      volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
    });
    expect(workload().revisionHistoryLimit).toBe(3);
  });

  test("spreads its pods by labels that they bear", () => {
    const { template } = workload();
    const constraint = z.object({
      labelSelector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
      matchLabelKeys: z.array(z.string()),
    });
    const affinity = z.object({
      podAntiAffinity: z.object({
        preferredDuringSchedulingIgnoredDuringExecution: z
          .array(z.object({ weight: z.number(), podAffinityTerm: z.looseObject({}) }))
          .length(1),
      }),
    });
    const [preferred] = affinity.parse(template.spec["affinity"]).podAntiAffinity
      .preferredDuringSchedulingIgnoredDuringExecution;
    expect(preferred).toMatchObject({ weight: 100, podAffinityTerm: { topologyKey: "kubernetes.io/hostname" } });
    for (const each of [preferred?.podAffinityTerm, ...template.spec.topologySpreadConstraints]) {
      const { labelSelector, matchLabelKeys } = constraint.parse(each);
      expect(template.metadata.labels).toMatchObject(labelSelector.matchLabels);
      expect(Object.keys(template.metadata.labels)).toEqual(expect.arrayContaining(matchLabelKeys));
    }
  });
});

describe("the set-up", () => {
  test("is no part of a release", () => {
    for (const object of setup) expect(() => render([...base, object])).toThrow(InvalidManifestError);
  });

  test("holds no field that Kubernetes does not know", () => {
    for (const object of setup) expect([object.kind, ...faultsOf(object)]).toEqual([object.kind]);
  });

  test("makes the service account that the pods run as", () => {
    const accounts = setup.filter(({ kind }) => kind === "ServiceAccount").map(({ metadata }) => metadata.name);
    expect(accounts).toContain(workload().template.spec["serviceAccountName"]);
  });

  test("lies in one namespace", () => {
    const namespaces = setup.filter(({ kind }) => kind !== "Namespace").map(({ metadata }) => metadata.namespace);
    expect(new Set(namespaces)).toEqual(new Set(["models"]));
    expect(release.namespace).toBe("models");
  });

  const role = z.object({
    rules: z.array(
      z.strictObject({ apiGroups: z.array(z.string()), resources: z.array(z.string()), verbs: z.array(z.string()) }),
    ),
  });
  const verbsOf = (group: string, resource: string) =>
    role
      .parse(setup.find(({ kind }) => kind === "Role"))
      .rules.filter(({ apiGroups, resources }) => apiGroups.includes(group) && resources.includes(resource))
      .flatMap(({ verbs }) => verbs)
      .toSorted();

  test.each(KINDS)(
    "lets Belay apply a $kind, and remove it only where leftovers are removed",
    ({ apiVersion, kind, plural }) => {
      const group = apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
      const removed = PRUNED_KINDS.some((pruned) => pruned.kind === kind);
      expect(verbsOf(group, plural)).toEqual(
        removed ? ["create", "delete", "get", "list", "patch"] : ["create", "get", "patch"],
      );
    },
  );

  test.each([
    ["pods", ["list"]],
    ["pods/log", ["get"]],
    ["pods/proxy", ["get"]],
    ["services/proxy", ["create"]],
    ["secrets", []],
    ["pods/exec", []],
    ["serviceaccounts", []],
  ])("lets Belay do with %s: %j", (resource, verbs) => {
    expect(verbsOf("", resource)).toEqual(verbs);
  });

  test("grants nothing by a wildcard", () => {
    const { rules } = role.parse(setup.find(({ kind }) => kind === "Role"));
    expect(JSON.stringify(rules)).not.toContain("*");
  });
});
