import { describe, expect, it } from "vitest";
import type { TargetPolicy } from "../../shared/domain/policy.ts";
import { ANNOTATIONS, atZero, type KubernetesObject, LABELS, type Release } from "../../shared/domain/release.ts";
import { renderRelease } from "../../shared/domain/render-release.ts";
import { BASE, policyFor } from "../pipeline/manifests.ts";
import { identity } from "./build.ts";

const SELECTOR = { matchLabels: { [LABELS.name]: "churn", [LABELS.target]: "churn" } };
const MONITORING = "monitoring.coreos.com/v1";
const AUTOSCALER: KubernetesObject = {
  apiVersion: "autoscaling/v2",
  kind: "HorizontalPodAutoscaler",
  metadata: { name: "autoscaler" },
  spec: { scaleTargetRef: { kind: "Deployment", name: "anything" }, minReplicas: 4, maxReplicas: 9, metrics: [] },
};
const MONITOR: KubernetesObject = {
  apiVersion: MONITORING,
  kind: "ServiceMonitor",
  metadata: { name: "monitor" },
  spec: { selector: {}, endpoints: [{ port: "http" }] },
};
const rule = (expr: string): KubernetesObject => ({
  apiVersion: MONITORING,
  kind: "PrometheusRule",
  metadata: { name: "alerts" },
  spec: { groups: [{ name: "g", rules: [{ alert: "A", expr }] }] },
});

const alertsOf = ({ fixed }: Release) => fixed.find(({ kind }) => kind === "PrometheusRule")?.["spec"];

function render(extra: readonly KubernetesObject[], rollout: Partial<TargetPolicy["rollout"]> = {}, served = [""]) {
  const policy = policyFor({ namespace: "prod", rollout: { ...policyFor().rollout, ...rollout } });
  const known = new Set(served.map((kind) => `${MONITORING} ${kind}`));
  return renderRelease([...BASE, ...extra], policy, identity("2"), "registry/churn@sha256:2", [], known);
}

describe("a release with an autoscaler", () => {
  const release = render([AUTOSCALER]);
  const workload = release.fixed.at(-1);

  it("starts with the autoscaler's least number of pods, and says that the number is the autoscaler's", () => {
    expect(workload).toMatchObject({
      metadata: { annotations: { [ANNOTATIONS.replicas]: "autoscaler" } },
      spec: { replicas: 4 },
    });
  });

  it("has it scale the target's workload, within the base's bounds", () => {
    expect(release.fixed.find(({ kind }) => kind === AUTOSCALER.kind)).toMatchObject({
      metadata: { name: "churn-autoscaler", namespace: "prod" },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "churn" },
        ...{ minReplicas: 4, maxReplicas: 9 },
      },
    });
  });

  it("takes the policy's bounds where there are some", () => {
    const bounded = render([AUTOSCALER], { autoscaling: { minReplicas: 2, maxReplicas: 20 } });
    expect(bounded.fixed.map((object) => object["spec"])).toEqual(
      expect.arrayContaining([expect.objectContaining({ minReplicas: 2, maxReplicas: 20 })]),
    );
    expect(bounded.fixed.at(-1)).toMatchObject({ spec: { replicas: 2 } });
  });

  it("that is scaled to zero is no autoscaler's any more", () => {
    if (workload === undefined) throw new Error("no workload");
    const zero = atZero(workload);
    expect(zero).toMatchObject({ spec: { replicas: 0 } });
    expect(zero.metadata.annotations).toBeUndefined();
  });
});

describe("a release without an autoscaler", () => {
  it("has the policy's number of pods", () => {
    const workload = render([], { replicas: 5, autoscaling: { minReplicas: 1, maxReplicas: 2 } }).fixed.at(-1);
    expect(workload).toMatchObject({ spec: { replicas: 5 } });
    expect(workload?.metadata.annotations).toBeUndefined();
  });
});

describe("a disruption budget", () => {
  const budget = (spec: object): KubernetesObject => ({
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: "budget" },
    spec,
  });

  it("is about the target's pods", () => {
    const release = render([budget({ minAvailable: 2, selector: { matchLabels: { app: "x" } } })]);
    expect(release.fixed.find(({ kind }) => kind === "PodDisruptionBudget")?.["spec"]).toEqual({
      ...{ minAvailable: 2, selector: SELECTOR },
    });
  });

  it("may ask for as many as an autoscaler's least number less one", () => {
    expect(() => render([AUTOSCALER, budget({ minAvailable: 3 })])).not.toThrow();
    expect(() => render([AUTOSCALER, budget({ minAvailable: 4 })])).toThrow("minAvailable 4 of 4 replicas");
  });
});

describe("kinds that only custom resource definitions bring", () => {
  it("are left out where the cluster does not have them, and the release says so", () => {
    const release = render([MONITOR, rule("up")], {}, ["PrometheusRule"]);
    expect(release.fixed.map(({ kind }) => kind)).toEqual(["Service", "PrometheusRule", "Deployment"]);
    expect(release.leftOut).toEqual([`${MONITORING} ServiceMonitor monitor`]);
  });

  it("are part of the release where the cluster has them, about the target's objects", () => {
    const release = render([MONITOR], {}, ["ServiceMonitor"]);
    expect(release.fixed.find(({ kind }) => kind === "ServiceMonitor")).toMatchObject({
      metadata: { name: "churn-monitor" },
      spec: { selector: SELECTOR, endpoints: [{ port: "http" }] },
    });
    expect(release).not.toHaveProperty("leftOut");
  });

  it.each([
    {
      name: "namespace and workload",
      expr: 'a{namespace="models",deployment="workload",condition="x"} > 1',
      becomes: 'a{namespace="prod",deployment="churn",condition="x"} > 1',
    },
    {
      name: "the workload's pods, and not those of one whose name begins alike",
      expr: 'rate(a{pod=~"workload-.*"}[15m])',
      becomes: 'rate(a{pod=~"churn-[a-z0-9]+-[a-z0-9]+"}[15m])',
    },
    {
      name: "the autoscaler",
      expr: 'a{horizontalpodautoscaler="autoscaler"}',
      becomes: 'a{horizontalpodautoscaler="churn-autoscaler"}',
    },
    { name: "nothing of somebody else's", expr: 'a{deployment="other"}', becomes: 'a{deployment="other"}' },
  ])("name $name in their expressions", ({ expr, becomes }) => {
    const release = render([AUTOSCALER, rule(expr)], {}, ["PrometheusRule"]);
    expect(alertsOf(release)).toEqual({
      groups: [{ name: "prod.churn.g", rules: [{ alert: "A", expr: becomes }] }],
    });
  });

  it("stay as they are where there is no autoscaler, or no expression", () => {
    const odd = { ...rule(""), spec: { groups: [{ name: "g", rules: [{ record: "a", expr: 1 }] }] } };
    expect(alertsOf(render([odd], {}, ["PrometheusRule"]))).toEqual({
      groups: [{ name: "prod.churn.g", rules: [{ record: "a", expr: 1 }] }],
    });
    const own = rule('a{horizontalpodautoscaler="autoscaler"}');
    expect(JSON.stringify(alertsOf(render([own], {}, ["PrometheusRule"])))).toContain('=\\"autoscaler\\"');
  });
});
