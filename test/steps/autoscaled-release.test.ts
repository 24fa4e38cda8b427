import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { createOpenCluster } from "../../shared/adapters/kubernetes/open-cluster.ts";
import { FencedError } from "../../shared/domain/errors.ts";
import { inertLeftovers } from "../../shared/domain/inert.ts";
import type { KubernetesObject, Release } from "../../shared/domain/release.ts";
import { renderRelease } from "../../shared/domain/render-release.ts";
import type { Cluster } from "../../shared/ports/cluster.ts";
import { applyChange } from "../../shared/steps/apply-release.ts";
import { identity } from "../domain/build.ts";
import { type Cluster as Server, startCluster } from "../local/kubernetes/cluster.ts";
import { BASE, policyFor } from "../pipeline/manifests.ts";

const AUTOSCALER: KubernetesObject = {
  apiVersion: "autoscaling/v2",
  kind: "HorizontalPodAutoscaler",
  metadata: { name: "autoscaler" },
  spec: { minReplicas: 3, maxReplicas: 9 },
};
const autoscalers = z.object({
  items: z.array(
    z.object({
      spec: z.object({
        scaleTargetRef: z.object({ name: z.string() }),
        minReplicas: z.number(),
        maxReplicas: z.number(),
      }),
    }),
  ),
});

let server: Server;
let directory = "";
let spaces = 0;
beforeAll(async () => {
  server = await startCluster();
  directory = await mkdtemp(join(tmpdir(), "autoscaled-"));
  await writeFile(join(directory, "config"), server.config.exportConfig());
});
afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

let namespace = "";
let cluster: Cluster;
/** What the autoscaler, wherever there is one, would like to have. */
let load = 3;
let counts: number[] = [];
let generation = 0;

const signal = AbortSignal.timeout(60_000);
class Crash extends Error {}

beforeEach(async () => {
  spaces += 1;
  namespace = `autoscaled-${spaces}`;
  await server.core.createNamespace({ body: { metadata: { name: namespace } } });
  const open = createOpenCluster({ kubeconfigPath: join(directory, "config"), arm: undefined });
  ({ cluster } = await open({ cluster: { kind: "kubeconfig" }, namespace }));
  load = 3;
  counts = [];
  generation = 0;
});

function release(replicas: number | "autoscaled", image = "1"): Release {
  const rollout = { ...policyFor().rollout, ...(replicas === "autoscaled" ? {} : { replicas }) };
  const base = replicas === "autoscaled" ? [...BASE, AUTOSCALER] : BASE;
  return renderRelease(base, policyFor({ namespace, rollout }), identity(image), `registry/churn@sha256:${image}`, []);
}

const count = async () => (await cluster.workload("churn", signal))?.specReplicas;

/** What the horizontal pod autoscaler's controller does: nothing at no pods, and nothing where it finds no workload. */
async function autoscale(): Promise<void> {
  const { body } = await server.call("GET", `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers`);
  for (const { spec } of autoscalers.parse(body).items) {
    const now = await cluster.workload(spec.scaleTargetRef.name, signal);
    if (now === undefined || now.specReplicas === 0) continue;
    const replicas = Math.min(Math.max(load, spec.minReplicas), spec.maxReplicas);
    await server.call(
      "PATCH",
      `/apis/apps/v1/namespaces/${namespace}/deployments/churn/scale?fieldManager=kube-controller-manager`,
      { spec: { replicas } },
      { "content-type": "application/merge-patch+json" },
    );
  }
}

/** The autoscaler acts after every change, and the numbers that come of it are kept; it dies after so many calls. */
function watched(calls = Number.POSITIVE_INFINITY): Cluster {
  let left = calls;
  return {
    ...cluster,
    apply: async (...given) => {
      left -= 1;
      if (left < 0) throw new Crash();
      const result = await cluster.apply(...given);
      counts.push((await count()) ?? 0);
      await autoscale();
      counts.push((await count()) ?? 0);
      return result;
    },
  };
}

/** One visit's change, as of a new deployment. */
function change(wanted: Release, besides: readonly KubernetesObject[] = []) {
  const token = { generation, sequence: 1 };
  return {
    releaseId: wanted.id,
    hashed: wanted.hashed,
    fixed: [...wanted.fixed, ...besides],
    token,
    formerly: undefined,
  };
}

async function rollOut(wanted: Release): Promise<void> {
  generation += 1;
  await applyChange(watched(), change(wanted), signal);
}

async function goBack(stable: Release, candidate: Release): Promise<void> {
  generation += 1;
  await applyChange(watched(), change(stable, inertLeftovers(candidate, stable)), signal);
}

/** What no release needs any more is removed. */
async function prune(stable: Release): Promise<void> {
  const kept = new Set([...stable.hashed, ...stable.fixed].map(({ kind, metadata }) => `${kind} ${metadata.name}`));
  for (const owned of await cluster.listOwned("churn", signal))
    if (!kept.has(`${owned.reference.kind} ${owned.reference.metadata.name}`)) await cluster.remove(owned, signal);
}

describe("a release with an autoscaler", () => {
  it("takes three pods over from one without, and they are three all the time, never one", async () => {
    await rollOut(release(3));
    await rollOut(release("autoscaled", "2"));
    await rollOut(release("autoscaled", "3"));
    expect(new Set(counts.filter((number) => number > 0))).toEqual(new Set([3]));
  });

  it("keeps what the autoscaler made of them", async () => {
    await rollOut(release("autoscaled"));
    load = 7;
    await autoscale();
    counts = [];
    await rollOut(release("autoscaled", "2"));
    expect(new Set(counts)).toEqual(new Set([7]));
  });

  it("is gone back from to one without: the number is the stable release's, whatever the autoscaler would like", async () => {
    const stable = release(3);
    const candidate = release("autoscaled", "2");
    await rollOut(stable);
    load = 7;
    await rollOut(candidate);
    expect(await count()).toBe(7);
    await goBack(stable, candidate);
    expect(await count()).toBe(3);
    await autoscale();
    expect(await count()).toBe(3);
    await prune(stable);
    await autoscale();
    expect(await count()).toBe(3);
    await rollOut(release(5, "3"));
    expect(await count()).toBe(5);
  });

  it("is followed by one without, whose number it is then", async () => {
    load = 7;
    await rollOut(release("autoscaled"));
    await autoscale();
    const next = release(4, "2");
    await rollOut(next);
    await autoscale();
    expect(await count()).toBe(4);
    await prune(next);
    await rollOut(release(5, "3"));
    expect(await count()).toBe(5);
  });

  it("is gone back to from one without: the pods stay as they are, and are the autoscaler's again", async () => {
    const stable = release("autoscaled");
    const candidate = release(5, "2");
    await rollOut(stable);
    await rollOut(candidate);
    expect(await count()).toBe(5);
    counts = [];
    load = 6;
    await goBack(stable, candidate);
    expect(new Set(counts)).toEqual(new Set([5, 6]));
    load = 8;
    await autoscale();
    expect(await count()).toBe(8);
  });

  it("cannot be brought back by a worker that froze while it applied it", async () => {
    const stable = release(3);
    const candidate = release("autoscaled", "2");
    await rollOut(stable);
    generation += 1;
    const frozen = change(candidate);
    await goBack(stable, candidate);
    await expect(applyChange(watched(), frozen, signal)).rejects.toBeInstanceOf(FencedError);
    const [autoscaler] = frozen.fixed.filter(({ kind }) => kind === AUTOSCALER.kind);
    if (autoscaler === undefined) throw new Error("The candidate has no autoscaler.");
    expect(await cluster.apply(autoscaler, undefined, signal)).toBe("conflict");
    load = 7;
    await autoscale();
    expect(await count()).toBe(3);
  });

  it.each<{ name: string; first: 3 | "autoscaled"; next: 4 | "autoscaled"; ends: number }>([
    { name: "to an autoscaler", first: 3, next: "autoscaled", ends: 7 },
    { name: "from an autoscaler", first: "autoscaled", next: 4, ends: 4 },
  ])("comes to the same wherever the worker dies on the way $name", async ({ first, next: second, ends }) => {
    for (let calls = 0; calls < 5; calls++) {
      load = 7;
      await rollOut(release(first, `${calls}1`));
      await autoscale();
      const next = release(second, `${calls}2`);
      generation += 1;
      await applyChange(watched(calls), change(next), signal).catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error;
      });
      await autoscale();
      await applyChange(watched(), change(next), signal);
      await autoscale();
      expect([calls, await count()]).toEqual([calls, ends]);
      await prune(next);
    }
    expect(Math.min(...counts.filter((number) => number > 0))).toBeGreaterThanOrEqual(3);
  });
});
