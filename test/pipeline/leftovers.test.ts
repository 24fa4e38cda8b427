import { describe, expect, it } from "vitest";
import { PermanentError } from "../../shared/domain/errors.ts";
import { type KubernetesObject, LABELS } from "../../shared/domain/release.ts";
import type { Cluster, ClusterAccess } from "../../shared/ports/cluster.ts";
import { createConsumers } from "../../shared/steps/consumers.ts";
import { BASE } from "./manifests.ts";
import { createWorld, type World } from "./world.ts";

const NETWORK: KubernetesObject = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "network" },
  spec: { podSelector: {}, policyTypes: ["Ingress"], ingress: [] },
};
const BUDGET: KubernetesObject = {
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: { name: "budget" },
  spec: { maxUnavailable: 0 },
};
const AUTOSCALER: KubernetesObject = {
  apiVersion: "autoscaling/v2",
  kind: "HorizontalPodAutoscaler",
  metadata: { name: "autoscaler" },
  spec: { minReplicas: 3, maxReplicas: 9 },
};
const MONITOR: KubernetesObject = {
  apiVersion: "monitoring.coreos.com/v1",
  kind: "ServiceMonitor",
  metadata: { name: "monitor" },
  spec: { endpoints: [{ port: "http" }] },
};
const NO_PODS = { matchLabels: { [LABELS.target]: "detached.belay.dev" } };
const NEVER = new AbortController().signal;

const override = <T extends object>(object: T, members: Partial<T>): T =>
  new Proxy(object, { get: (whole, member) => Reflect.get(member in members ? members : whole, member) });

/** A worker process whose base manifests are the smallest and these, and whose cluster is another. */
function processOf(
  world: World,
  besides: () => readonly KubernetesObject[],
  wrap: (access: ClusterAccess) => ClusterAccess = (access) => access,
) {
  const process = world.spawn();
  const { dependencies } = process;
  const consumers = createConsumers({
    ...dependencies,
    readManifests: async () => [...BASE, ...besides()],
    openCluster: async (policy) => wrap(await dependencies.openCluster(policy)),
  });
  return { ...process, consumers };
}

const onCluster = (change: (cluster: Cluster) => Partial<Cluster>) => (access: ClusterAccess) => ({
  ...access,
  cluster: override(access.cluster, change(access.cluster)),
});

const phases = (world: World) => world.endings().map(({ model, phase }) => `${model.version} ${phase}`);
const reasonOf = (world: World) => world.target()?.hold?.reason;

describe("what only the candidate has", () => {
  it("does not bar the way back when it is a NetworkPolicy that lets nobody in", async () => {
    const world = createWorld();
    let besides: readonly KubernetesObject[] = [];
    const isBarred = () => {
      const spec = world.cluster.find("NetworkPolicy", "churn-network")?.["spec"];
      return spec !== undefined && JSON.stringify(spec).includes('"belay.dev/target":"churn"');
    };
    const timeout = { kind: "no-answer", reason: "timeout", latencyMs: 2000 } as const;
    const process = processOf(
      world,
      () => besides,
      (access) => ({
        ...access,
        prober: override(access.prober, {
          getPod: async (...given) => (isBarred() ? timeout : access.prober.getPod(...given)),
          postService: async (...given) => (isBarred() ? timeout : access.prober.postService(...given)),
        }),
      }),
    );
    await world.promote("1");
    await world.run(process);
    besides = [NETWORK];
    await world.promote("2");
    await world.run(process);
    expect(phases(world)).toEqual(["1 Succeeded", "2 RolledBack"]);
    expect(reasonOf(world)).toBeUndefined();
    expect(world.cluster.find("NetworkPolicy", "churn-network")).toBeUndefined();
  });

  it.each([
    { object: NETWORK, inert: { podSelector: NO_PODS } },
    { object: BUDGET, inert: { selector: NO_PODS } },
    {
      object: AUTOSCALER,
      inert: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "detached.belay.dev" },
        minReplicas: 1,
        maxReplicas: 1,
      },
    },
  ])(
    "does nothing when a worker that froze before it made the $object.kind wakes after the rollback",
    async ({ object, inert }) => {
      const world = createWorld({ fates: { "2": "crash" } });
      let besides: readonly KubernetesObject[] = [];
      const others = processOf(world, () => besides);
      await world.promote("1");
      await world.run(others);
      besides = [object];
      await world.promote("2");
      const { wake, work } = await freezeBefore(object.kind, world, () => besides);
      const name = `churn-${object.metadata.name}`;
      await world.run(others, () => world.logged.some(({ event }) => event === "deployment.pruned"));
      expect(phases(world)).toEqual(["1 Succeeded", "2 RolledBack"]);
      const { image } = world.target()?.stable ?? {};
      expect(world.cluster.find(object.kind, name)?.["spec"]).toEqual(inert);
      wake();
      await work;
      expect(world.cluster.find(object.kind, name)?.["spec"]).toEqual(inert);
      await world.run(others);
      expect(world.cluster.find(object.kind, name)).toBeUndefined();
      expect(world.cluster.serving()).toBe(image);
    },
  );

  it("is kept in its place by no quicker deployment's prune either, as long as the worker can live", async () => {
    const world = createWorld({ fates: { "2": "crash" } });
    let besides: readonly KubernetesObject[] = [];
    const process = processOf(world, () => besides);
    await world.promote("1");
    await world.run(process);
    besides = [NETWORK];
    await world.promote("2");
    await world.run(process, () => phases(world).includes("2 RolledBack"));
    besides = [];
    await world.promote("3");
    await world.run(process, () => world.logged.filter(({ event }) => event === "deployment.pruned").length === 2);
    expect(phases(world)).toEqual(["1 Succeeded", "2 RolledBack", "3 Succeeded"]);
    expect(world.cluster.find("NetworkPolicy", "churn-network")?.["spec"]).toEqual({ podSelector: NO_PODS });
    await world.run(process);
    expect(world.cluster.find("NetworkPolicy", "churn-network")).toBeUndefined();
  });

  it("keeps nobody from going back where somebody else's stands in its place", async () => {
    const world = createWorld();
    let besides: readonly KubernetesObject[] = [];
    const theirs = { ...NETWORK, metadata: { name: "churn-network", namespace: "models" } };
    const process = processOf(
      world,
      () => besides,
      onCluster(({ apply }) => ({
        apply: async (object, seen, signal) => {
          if (object.kind === "NetworkPolicy") await world.cluster.apply(theirs, undefined, NEVER);
          return apply(object, seen, signal);
        },
      })),
    );
    await world.promote("1");
    await world.run(process);
    besides = [NETWORK];
    await world.promote("2");
    await world.run(process);
    expect(phases(world)).toEqual(["1 Succeeded", "2 RolledBack"]);
    expect(reasonOf(world)?.code).toBe("foreign-change");
    expect(world.cluster.find("NetworkPolicy", "churn-network")).toEqual(theirs);
  });
});

describe("a custom kind that the cluster does not know any more", () => {
  it("is left out of the stable release on the way back, and said before the first change", async () => {
    const world = createWorld({ fates: { "2": "crash" } });
    let isGone = false;
    const process = processOf(
      world,
      () => [MONITOR],
      onCluster((cluster) => ({
        kinds: async (...given) => (isGone ? [] : cluster.kinds(...given)),
        read: async (reference, signal) =>
          isGone && reference.kind === "ServiceMonitor" ? undefined : cluster.read(reference, signal),
        apply: async (object, seen, signal) => {
          if (isGone && object.kind === "ServiceMonitor")
            throw new PermanentError("rollout-refused", "The cluster does not know this kind.");
          return cluster.apply(object, seen, signal);
        },
      })),
    );
    world.cluster.define("ServiceMonitor");
    await world.promote("1");
    await world.run(process);
    expect(world.cluster.find("ServiceMonitor", "churn-monitor")).toBeDefined();
    const { image } = world.target()?.stable ?? {};
    isGone = true;
    await world.promote("2");
    await world.run(process);
    expect(phases(world)).toEqual(["1 Succeeded", "2 RolledBack"]);
    expect(world.cluster.serving()).toBe(image);
    expect(JSON.stringify(world.cluster.find("Deployment", "churn"))).toContain(image);
    expect(world.store.visits().map(({ found }) => found)).toContain(
      "the way back is safe: stable image locked; without ServiceMonitor churn-monitor, whose kind the cluster does not know any more",
    );
  });
});

describe("what Belay itself left", () => {
  it.each([
    { name: "first", pick: () => 0 },
    { name: "last", pick: (due: number) => due - 1 },
  ])("is no foreign change to a deployment that is quicker than the prune, whatever comes $name", async ({ pick }) => {
    const world = createWorld({ pick });
    let besides: readonly KubernetesObject[] = [BUDGET];
    const process = processOf(world, () => besides);
    await world.promote("1");
    await world.run(process);
    besides = [];
    await world.promote("2");
    await world.run(process, () => world.target()?.changing === true);
    besides = [BUDGET];
    await world.promote("1");
    await world.run(process);
    expect(phases(world)).toEqual(["1 Succeeded", "2 Succeeded", "1 Succeeded"]);
    expect(reasonOf(world)).toBeUndefined();
  });

  it("is no foreign change where it cannot be removed for a while", async () => {
    const world = createWorld();
    let besides: readonly KubernetesObject[] = [BUDGET];
    const process = processOf(
      world,
      () => besides,
      onCluster(() => ({
        remove: async () => {
          throw new PermanentError("access-denied", "Belay may not delete.");
        },
      })),
    );
    await world.promote("1");
    await world.run(process);
    besides = [];
    await world.promote("2");
    await world.run(process);
    besides = [BUDGET];
    await world.promote("3");
    await world.run(process);
    expect(phases(world)).toEqual(["1 Succeeded", "2 Succeeded", "3 Succeeded"]);
    expect(reasonOf(world)).toBeUndefined();
  });

  it.each([
    { what: "carries no token", labels: { [LABELS.target]: "churn" }, annotations: {} },
    { what: "is another target's", labels: { [LABELS.target]: "fraud" }, annotations: { "belay.dev/token": "1.1" } },
    {
      what: "carries a token of later",
      labels: { [LABELS.target]: "churn" },
      annotations: { "belay.dev/token": "9999999999.1" },
    },
  ])("is not what $what: the target is held", async ({ labels, annotations }) => {
    const world = createWorld();
    const metadata = { name: "churn-budget", namespace: "models", labels, annotations };
    await world.cluster.apply({ ...BUDGET, metadata }, undefined, NEVER);
    await world.promote("1");
    await world.run(processOf(world, () => [BUDGET]));
    expect(phases(world)).toEqual(["1 Failed"]);
    expect(reasonOf(world)?.code).toBe("foreign-change");
    expect(world.cluster.find("PodDisruptionBudget", "churn-budget")?.metadata).toEqual(metadata);
  });
});

/** Hands messages to a worker until it has frozen before it applies an object of the kind; others get its message again. */
async function freezeBefore(kind: string, world: World, besides: () => readonly KubernetesObject[]) {
  const { promise: awake, resolve: wake } = Promise.withResolvers<void>();
  let isFrozen = false;
  const sleeper = processOf(
    world,
    besides,
    onCluster(({ apply }) => ({
      apply: async (object, seen, signal) => {
        if (object.kind === kind) {
          isFrozen = true;
          await awake;
        }
        return apply(object, seen, signal);
      },
    })),
  );
  for (;;) {
    const due = world.bus.nextAt();
    if (due === undefined) throw new Error(`No ${kind} was ever applied.`);
    world.wait(Math.max(0, due - world.now()));
    const message = world.bus.take(world.now());
    if (message === undefined) continue;
    let isDone = false;
    const work = world.handOver(sleeper, message).finally(() => {
      isDone = true;
    });
    while (!isDone && !isFrozen) await new Promise((resolve) => setImmediate(resolve));
    if (!isFrozen) continue;
    world.bus.giveBack(message, world.now() + 30_000);
    return { wake, work };
  }
}
