import { describe, expect, it } from "vitest";
import { actsOnPods, inertForm, inertLeftovers } from "../../shared/domain/inert.ts";
import type { KubernetesObject, Release } from "../../shared/domain/release.ts";
import { renderRelease } from "../../shared/domain/render-release.ts";
import { BASE, policyFor } from "../pipeline/manifests.ts";
import { identity } from "./build.ts";

const NETWORK: KubernetesObject = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "network" },
  spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"], ingress: [], egress: [] },
};
const BUDGET: KubernetesObject = {
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: { name: "budget" },
  spec: { minAvailable: 1 },
};
const MONITOR: KubernetesObject = {
  apiVersion: "monitoring.coreos.com/v1",
  kind: "ServiceMonitor",
  metadata: { name: "monitor" },
  spec: { endpoints: [{ port: "http" }] },
};
const SERVED = new Set(["monitoring.coreos.com/v1 ServiceMonitor"]);

const render = (...besides: readonly KubernetesObject[]): Release =>
  renderRelease([...BASE, ...besides], policyFor(), identity(), "registry/churn@sha256:2", [], SERVED);

describe("what is inert", () => {
  it("is about no pods, has no rules, and is the same object under the same labels", () => {
    const { fixed } = render(NETWORK, BUDGET);
    const forms = inertLeftovers(render(NETWORK, BUDGET), render());
    const selector = { matchLabels: { "belay.dev/target": "detached.belay.dev" } };
    expect(forms.map(({ kind, spec }) => ({ kind, spec }))).toEqual([
      { kind: "NetworkPolicy", spec: { podSelector: selector } },
      { kind: "PodDisruptionBudget", spec: { selector } },
    ]);
    const rendered = fixed.filter(actsOnPods);
    expect(forms.map(({ metadata }) => metadata)).toEqual(rendered.map(({ metadata }) => metadata));
  });

  it("is only what the other release does not have", () => {
    expect(inertLeftovers(render(NETWORK, BUDGET), render(NETWORK))).toMatchObject([{ kind: "PodDisruptionBudget" }]);
  });

  it.each([
    { kind: "HorizontalPodAutoscaler", acts: true },
    { kind: "NetworkPolicy", acts: true },
    { kind: "PodDisruptionBudget", acts: true },
    { kind: "ServiceMonitor", acts: false },
    { kind: "PrometheusRule", acts: false },
    { kind: "ConfigMap", acts: false },
    { kind: "Service", acts: false },
  ])("of the kind $kind is needed: $acts", ({ kind, acts }) => {
    const object = { apiVersion: "v1", kind, metadata: { name: "extra" } };
    expect(actsOnPods(object)).toBe(acts);
    expect(inertForm(object) !== undefined).toBe(acts);
  });

  it("is no monitor: it only reads", () => {
    expect(inertLeftovers(render(MONITOR), render())).toEqual([]);
  });
});
