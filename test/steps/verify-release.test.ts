import { expect, it } from "vitest";
import { renderRelease } from "../../shared/domain/render-release.ts";
import type { PodStatus } from "../../shared/domain/rollout-status.ts";
import { lookAtRelease, NOTHING_MEASURED } from "../../shared/steps/verify-release.ts";
import { identity } from "../domain/build.ts";
import { createFakeCluster } from "../fakes/fake-cluster.ts";
import { BASE, policyFor } from "../pipeline/manifests.ts";

const NOW = 1_790_000_000_000;
const signal = new AbortController().signal;
const release = renderRelease(BASE, policyFor(), identity(), "registry/churn@sha256:2", []);
const pod = (name: string, more: Partial<PodStatus> = {}): PodStatus => ({
  ...{ name, ready: true, terminating: false, containers: [], starting: false },
  ...more,
});

/** What one look finds where these pods are there, of which the named ones answer. */
async function look(pods: readonly PodStatus[], healthy: readonly string[]) {
  const fake = createFakeCluster(
    () => NOW,
    () => "good",
  );
  const answer = (status: number) => ({ kind: "answer", status, body: "", latencyMs: 1 }) as const;
  const access = {
    ...{ cluster: { ...fake, pods: async () => pods }, previewer: fake.previewer },
    prober: { ...fake.prober, getPod: async (name: string) => answer(healthy.includes(name) ? 200 : 503) },
  };
  const { work } = await lookAtRelease(access, release, policyFor(), NOTHING_MEASURED, NOW, signal);
  return work.health[0];
}

it("a pod that an autoscaler has just added is not asked for its health while it starts", async () => {
  const pods = [pod("a"), pod("b"), pod("new", { ready: false, starting: true })];
  expect(await look(pods, ["a", "b"])).toMatchObject({ phase: "Successful", pods: 2 });
});

it("a pod that came up and is not ready any more is asked", async () => {
  const pods = [pod("a"), pod("b", { ready: false })];
  expect(await look(pods, ["a"])).toMatchObject({ phase: "Failed", pods: 2 });
});

it("where all pods start, all are asked: there is nothing else to prove health by", async () => {
  const pods = [pod("a", { ready: false, starting: true }), pod("b", { ready: false, starting: true })];
  expect(await look(pods, [])).toMatchObject({ phase: "Failed", pods: 2 });
});
