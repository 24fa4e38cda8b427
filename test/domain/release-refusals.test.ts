import { describe, expect, it } from "vitest";
import { inertLeftovers } from "../../shared/domain/inert.ts";
import { InvalidManifestError } from "../../shared/domain/manifest.ts";
import { atZero, isWorkload, type KubernetesObject, objectKey } from "../../shared/domain/release.ts";
import { renderRelease } from "../../shared/domain/render-release.ts";
import { BASE, policyFor } from "../pipeline/manifests.ts";
import { identity } from "./build.ts";

const render = (base: readonly KubernetesObject[], workload = "churn") =>
  renderRelease(base, policyFor({ workload }), identity(), "registry/churn@sha256:2", []);

function object(kind: string, changes: Partial<KubernetesObject> = {}): KubernetesObject {
  return { apiVersion: "v1", kind, metadata: { name: "extra" }, ...changes };
}

const autoscaler = (spec: object) => object("HorizontalPodAutoscaler", { apiVersion: "autoscaling/v2", spec });
const without = (kind: string) => BASE.filter((one) => one.kind !== kind);
const deployment = (spec: unknown) => object("Deployment", { apiVersion: "apps/v1", spec });
const containers = (...list: unknown[]) => deployment({ template: { spec: { containers: list } } });

describe("base manifests are refused", () => {
  it.each(["Namespace", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"])(
    "with a %s: it is set-up",
    (kind) => {
      expect(() => render([...BASE, object(kind)])).toThrow(`${kind} extra is set-up`);
    },
  );

  it.each<{ name: string; base: readonly KubernetesObject[]; message: string }>([
    { name: "with a Secret", base: [...BASE, object("Secret")], message: "Secret extra: a release is stored" },
    {
      name: "with two autoscalers",
      base: [...BASE, autoscaler({ maxReplicas: 5 }), autoscaler({ maxReplicas: 5 })],
      message: "more than one HorizontalPodAutoscaler",
    },
    ...[{}, { minReplicas: 0, maxReplicas: 5 }, { minReplicas: 6, maxReplicas: 5 }, { maxReplicas: "5" }].map(
      (spec) => ({
        name: `with an autoscaler of the bounds ${JSON.stringify(spec)}`,
        base: [...BASE, autoscaler(spec)],
        message: "HorizontalPodAutoscaler extra: minReplicas from 1 up and maxReplicas from there up are needed.",
      }),
    ),
    {
      name: "with an autoscaler of an older version",
      base: [...BASE, { ...autoscaler({ maxReplicas: 5 }), apiVersion: "autoscaling/v1" }],
      message: "HorizontalPodAutoscaler extra: write autoscaling/v2 instead of autoscaling/v1.",
    },
    {
      name: "with a budget that lets no pod be evicted",
      base: [...BASE, object("PodDisruptionBudget", { apiVersion: "policy/v1", spec: { minAvailable: 3 } })],
      message: "PodDisruptionBudget extra: with minAvailable 3 of 3 replicas no node can be drained",
    },
    {
      name: "with a kind that no release may hold, named with what may be",
      base: [...BASE, object("Job", { apiVersion: "batch/v1" })],
      message:
        "Job extra: batch/v1 Job cannot be part of a release, which may hold ConfigMap, Service, Deployment, HorizontalPodAutoscaler, PodDisruptionBudget, NetworkPolicy, ServiceMonitor, PrometheusRule; apply it once, with the set-up.",
    },
    {
      name: "with a StatefulSet",
      base: [...BASE, object("StatefulSet")],
      message: "StatefulSet extra: the workload of a target is a Deployment.",
    },
    { name: "without a Deployment", base: without("Deployment"), message: "hold no Deployment" },
    { name: "with two Deployments", base: [...BASE, deployment({})], message: "more than one Deployment" },
    { name: "without a Service", base: without("Service"), message: "hold no Service" },
    { name: "with two Services", base: [...BASE, object("Service")], message: "more than one Service" },
    {
      name: "without a container for the model",
      base: [...without("Deployment"), containers({ name: "web" })],
      message: 'no container named "model"',
    },
    {
      name: "with containers that are no list",
      base: [...without("Deployment"), deployment({ template: { spec: { containers: "model" } } })],
      message: 'no container named "model"',
    },
    {
      name: "with a Deployment that says nothing",
      base: [...without("Deployment"), deployment(null)],
      message: 'no container named "model"',
    },
    {
      name: "with a spec that is a list",
      base: [...without("Deployment"), deployment([])],
      message: 'no container named "model"',
    },
    {
      name: "without a port of the model's container",
      base: [...without("Deployment"), containers({ name: "model" })],
      message: 'The container "model" names no containerPort.',
    },
    {
      name: "without a port of the Service",
      base: [...without("Service"), object("Service", { spec: { ports: [] } })],
      message: "Service extra names no port.",
    },
    {
      name: "with a Service that says nothing",
      base: [...without("Service"), object("Service")],
      message: "Service extra names no port.",
    },
  ])("$name", ({ base, message }) => {
    expect(() => render(base)).toThrow(InvalidManifestError);
    expect(() => render(base)).toThrow(message);
  });
});

describe("what a rollback leaves inert", () => {
  it("are those of the candidate that stable does not have", () => {
    const inert = inertLeftovers(render(BASE, "churn-green"), render(BASE, "churn"));
    expect(inert).toMatchObject([{ kind: "Deployment", metadata: { name: "churn-green" }, spec: { replicas: 0 } }]);
  });

  it("are none where stable has them all", () => {
    expect(inertLeftovers(render(BASE), render(BASE))).toEqual([]);
  });

  it("keep everything but the number of their pods", () => {
    const deployment = object("Deployment", { spec: { replicas: 3, paused: true } });
    expect(atZero(deployment)).toEqual({ ...deployment, spec: { replicas: 0, paused: true } });
  });

  it.each([
    { kind: "Deployment", workload: true },
    { kind: "StatefulSet", workload: true },
    { kind: "Service", workload: false },
  ])("can be of the kind $kind: $workload", ({ kind, workload }) => {
    expect(isWorkload(object(kind))).toBe(workload);
  });
});

describe("the key of an object", () => {
  it.each<{ name: string; other: Partial<KubernetesObject>; same: boolean }>([
    { name: "is the same whatever it says", other: { spec: {} }, same: true },
    { name: "differs by name", other: { metadata: { name: "b", namespace: "n" } }, same: false },
    { name: "differs by namespace", other: { metadata: { name: "a", namespace: "m" } }, same: false },
    { name: "differs by having a namespace at all", other: { metadata: { name: "a" } }, same: false },
    { name: "differs by kind", other: { kind: "Secret" }, same: false },
    { name: "differs by API version", other: { apiVersion: "v2" }, same: false },
  ])("$name", ({ other, same }) => {
    const one = object("ConfigMap", { metadata: { name: "a", namespace: "n" } });
    expect(objectKey({ ...one, ...other }) === objectKey(one)).toBe(same);
  });
});
