import { resolve } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { JsonObject } from "../../infra/local/kubernetes/json.ts";
import { conform } from "../../infra/local/kubernetes/schema.ts";
import { KINDS, PRUNED_KINDS } from "../../shared/adapters/kubernetes/kinds.ts";
import { readManifests } from "../../shared/config/read-manifests.ts";
import {
  InvalidManifestError,
  type KubernetesObject,
  type Release,
  renderRelease,
} from "../../shared/domain/release.ts";
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
  return renderRelease(objects, policy, MODEL, IMAGE, []);
}

/** What the classes of the official client do not know or would not take. */
function faultsOf(object: KubernetesObject): readonly string[] {
  const json: JsonObject = JSON.parse(JSON.stringify(object));
  const { unknown, mistyped } = conform(json, `V1${object.kind}`);
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
  test("has one Deployment, one Service and one ConfigMap", () => {
    expect(release.fixed.map(({ kind }) => kind)).toEqual(["Service", "Deployment"]);
    expect(release.hashed.map(({ kind }) => kind)).toEqual(["ConfigMap"]);
    expect(release.service).toEqual({ name: "churn", port: "http" });
    expect(release.containerPort).toBe(8080);
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
      envFrom: [{ configMapRef: { name: config?.metadata.name } }],
    });
    expect(config).toMatchObject({
      immutable: true,
      data: { PORT: "8080", MODEL_NAME: MODEL.name, MODEL_VERSION: "7" },
    });
  });

  test("gives a pod the startup time the policy says, and has all three probes", () => {
    expect(workload().template.spec.containers[0]).toMatchObject({
      startupProbe: { httpGet: { path: "/ready", port: "http" }, periodSeconds: 5, failureThreshold: 30 },
      readinessProbe: { httpGet: { path: "/ready", port: "http" } },
      livenessProbe: { httpGet: { path: "/health", port: "http" } },
    });
  });

  test("is hardened", () => {
    const { spec } = workload().template;
    expect(spec).toMatchObject({
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 30,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
      volumes: [{ name: "tmp", emptyDir: {} }],
    });
    expect(spec.containers[0]).toMatchObject({
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      },
      lifecycle: { preStop: { sleep: { seconds: 5 } } },
      resources: { requests: { cpu: "250m", memory: "512Mi" }, limits: { cpu: "1", memory: "1Gi" } },
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
    expect(template.spec.topologySpreadConstraints).toHaveLength(2);
    for (const each of template.spec.topologySpreadConstraints) {
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
    ["pods", ["get", "list"]],
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
