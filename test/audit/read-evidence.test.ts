import { describe, expect, it } from "vitest";
import { audit } from "../../shared/audit/index.ts";
import { isClean, judge } from "../../shared/audit/judge.ts";
import { readEvidence } from "../../shared/audit/read-evidence.ts";
import { PermanentError } from "../../shared/domain/errors.ts";
import { ANNOTATIONS } from "../../shared/domain/release.ts";
import { createWorld, type World, type WorldOptions } from "../pipeline/world.ts";

/** The world after some promotions, all of which came to an ending. */
async function worldAfter(versions: readonly string[], options: WorldOptions = {}): Promise<World> {
  const world = createWorld(options);
  for (const version of versions) await world.deploy(version);
  return world;
}

const sourcesOf = ({ cluster, policies, now, ...others }: World) => ({
  ...others,
  policies,
  openCluster: async () => ({ cluster, prober: cluster.prober, previewer: cluster.previewer }),
  clock: { now, timeout: () => new AbortController().signal },
});

async function audited(world: World) {
  return judge(await readEvidence(sourcesOf(world)), { graceMs: 0 });
}

async function findingsOf(world: World) {
  return (await audited(world)).findings.map(({ kind, code }) => `${kind} ${code}`);
}

describe("a world that came to rest", () => {
  it.each<[string, readonly string[], WorldOptions, object]>([
    ["after nothing", [], {}, { asked: 0, done: 0 }],
    ["after two good versions", ["1", "2"], {}, { asked: 2, done: 2, recovered: 0 }],
    ["after a rollback", ["1", "2"], { fates: { "2": "crash" } }, { asked: 2, done: 2, recovered: 1 }],
    ["after a build that failed for good", ["1", "2"], { fates: { "2": "build-broken" } }, { asked: 2, done: 2 }],
    ["after a build service that was down", ["1"], { fates: { "1": "build-service" } }, { asked: 1, done: 1 }],
    ["after a first version that failed", ["1"], { fates: { "1": "unhealthy" } }, { asked: 1, done: 1 }],
    [
      "after a first version that failed and is kept",
      ["1"],
      { fates: { "1": "unhealthy" }, policy: { firstFailure: "keep" } },
      { done: 1 },
    ],
    ["after every message came twice", ["1", "2"], { copies: 2 }, { asked: 2, done: 2 }],
  ])("%s is clean", async (_name, versions, options, numbers) => {
    const world = await worldAfter(versions, options);
    const { findings, targets } = await audited(world);
    expect(findings).toEqual([]);
    expect(targets).toMatchObject([{ underWay: 0, lost: 0, double: 0, unexpected: 0, ...numbers }]);
  });
});

describe("what is planted is found", () => {
  it.each<[string, (world: World) => unknown, readonly string[]]>([
    [
      "an alias that nobody heard of",
      (world) => world.registry.setAlias("churn-classifier", "champion", "3"),
      ["lost not-taken"],
    ],
    [
      "a deployment whose message was lost",
      async (world) => {
        await world.promote("3");
        await world.run(undefined, () => world.store.deployments().length === 3);
        world.wait(1_000_000);
      },
      ["lost stands-still"],
    ],
    [
      "an image that somebody put in",
      (world) => {
        const workload = world.cluster.find("Deployment", "churn");
        const spec = structuredClone(workload?.["spec"]) as { template: { spec: { containers: { image: string }[] } } };
        for (const container of spec.template.spec.containers) container.image = "other@sha256:1";
        world.cluster.takeOver("Deployment", "churn", { spec });
      },
      ["unexpected not-stable"],
    ],
    [
      "an object that somebody put in place of ours",
      (world) => world.cluster.tamper("Service", "churn", {}),
      ["unexpected foreign-token"],
    ],
    [
      "a token of another deployment",
      (world) => world.cluster.tamper("Service", "churn", { [ANNOTATIONS.token]: "7.1" }),
      ["unexpected foreign-token"],
    ],
    [
      "an image that is gone",
      (world) => world.images.lose(world.target()?.stable?.image.split("@")[1] ?? ""),
      ["unexpected stable-missing"],
    ],
    [
      "a leftover under the target's label",
      async (world) => {
        const config = world.cluster.objects().find(({ kind }) => kind === "ConfigMap");
        if (config === undefined) throw new Error("no configuration");
        const left = { ...config, metadata: { ...config.metadata, name: "left" } };
        await world.cluster.apply(left, undefined, new AbortController().signal);
      },
      ["unexpected left-behind"],
    ],
    [
      "a record under a second generation",
      async (world) => {
        const [first] = world.endings();
        if (first === undefined) throw new Error("nothing was deployed");
        const generation = first.generation - 10;
        const visits = world.store.visits().filter((one) => one.generation === first.generation);
        await world.store.save({
          target: "churn",
          deployments: [{ value: { ...first, generation } }],
          visits: visits.map((visit) => ({ ...visit, generation })),
        });
        for (const notifier of first.notify) await world.store.markDone("churn", generation, notifier);
      },
      ["double accepted-twice"],
    ],
    [
      "a release whose row is gone",
      async (world) => {
        const id = world.target()?.stable?.releaseId ?? "";
        await world.store.removeBundle(
          "churn",
          "release",
          id,
          (await world.store.readBundleEtag("churn", "release", id)) ?? "",
        );
      },
      ["unexpected stable-missing", "unexpected left-behind"],
    ],
  ])("%s", async (_name, plant, expected) => {
    const world = await worldAfter(["1", "2"]);
    await plant(world);
    expect(await findingsOf(world)).toEqual(expected);
  });

  it("a target that is held says why", async () => {
    const world = await worldAfter(["1"]);
    world.cluster.tamper("Service", "churn", {});
    await world.deploy("2");
    expect(await findingsOf(world)).toContain("unexpected held");
  });

  it("a second build that succeeded under one key", async () => {
    const world = await worldAfter(["1"]);
    const sources = sourcesOf(world);
    const [record] = world.endings();
    if (record === undefined) throw new Error("nothing was deployed");
    const build = { key: "k", attempt: 3, taskRun: "belay-k-3" };
    const evidence = await readEvidence({
      ...sources,
      store: { ...world.store, listOfTarget: async () => [{ ...record, work: { ...record.work, build } }] },
      builder: {
        ...world.builder,
        look: async (name) => (name === "belay-k-2" ? { kind: "running" } : { kind: "succeeded" }),
      },
    });
    expect(evidence.targets[0]?.builds).toEqual([{ key: "k", succeeded: ["belay-k-1", "belay-k-3"] }]);
    expect(judge(evidence, { graceMs: 0 }).findings).toMatchObject([{ code: "built-twice" }]);
  });
});

it("what cannot be read is not assumed", async () => {
  const world = await worldAfter(["1"]);
  const refused = new PermanentError("access-denied", "No.");
  const registry = { ...world.registry, resolve: () => Promise.reject(refused) };
  await expect(readEvidence({ ...sourcesOf(world), registry })).rejects.toThrow(refused);
});

it("the objects of the releases that are kept may lie there", async () => {
  const world = await worldAfter(["1"]);
  const before = world.cluster.objects().filter(({ kind }) => kind === "ConfigMap");
  await world.deploy("2");
  for (const config of before) await world.cluster.apply(config, undefined, new AbortController().signal);
  expect(await findingsOf(world)).toEqual([]);
});

describe("a second look", () => {
  const settling = (world: World, settleMs: number, settle = async () => {}) =>
    audit(sourcesOf(world), { graceMs: 0, settleMs, settle });

  it("is not taken where the first found nothing", async () => {
    const world = await worldAfter(["1"]);
    const settle = () => Promise.reject(new Error("there was nothing to settle"));
    expect(isClean(await settling(world, 1_000, settle))).toBe(true);
  });

  it("tells only what stands", async () => {
    const world = await worldAfter(["1"]);
    const plant = () => {
      world.registry.setAlias("churn-classifier", "champion", "3");
      world.cluster.tamper("Service", "churn", {});
    };
    plant();
    const mend = async () => world.registry.setAlias("churn-classifier", "champion", "1");
    expect((await settling(world, 1_000, mend)).findings.map(({ code }) => code)).toEqual(["foreign-token"]);
  });

  it("is left out when nobody asks for it", async () => {
    const world = await worldAfter(["1"]);
    world.registry.setAlias("churn-classifier", "champion", "3");
    expect((await settling(world, 0)).findings.map(({ code }) => code)).toEqual(["not-taken"]);
  });
});
