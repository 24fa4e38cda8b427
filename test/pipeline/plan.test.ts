import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareObjects } from "../../shared/domain/difference.ts";
import type { TargetPolicy } from "../../shared/domain/policy.ts";
import type { KubernetesObject } from "../../shared/domain/release.ts";
import { planTarget } from "../../shared/steps/plan.ts";
import { policyFor } from "./manifests.ts";
import { createWorld } from "./world.ts";

type World = ReturnType<typeof createWorld>;

async function plan(world: World) {
  const [policy] = world.policies;
  if (policy === undefined) throw new Error("the world has no policy");
  return planTarget(world.spawn().dependencies, policy);
}

describe("a plan", () => {
  it("of a first deployment creates everything, builds, and says that there is nothing to go back to", async () => {
    const world = createWorld();
    world.pointSilently("1");
    const found = await plan(world);
    expect(found).toMatchObject({
      decision: { code: "accept" },
      version: "1",
      pointer: "alias champion",
      image: { state: "to be built" },
      wayBack: { ready: false },
    });
    expect(new Set(found.objects.map(({ change }) => change))).toEqual(new Set(["create"]));
    expect(found.stages.map(({ step }) => step)).toEqual(["validate", "build", "rollout", "verify"]);
    expect(found.stages.every(({ timeoutSeconds }) => timeoutSeconds > 0)).toBe(true);
    expect(world.cluster.changes()).toEqual([]);
    expect(world.endings()).toEqual([]);
  });

  it("of another version names the fields, what would be left over, and what would be put back", async () => {
    const world = createWorld();
    await world.deploy("1");
    const changes = world.cluster.changes().length;
    world.pointSilently("2");
    const found = await plan(world);
    const names = found.objects.map(({ object, change }) => `${change} ${object.replace(/-[0-9a-f]{10}$/, "")}`);
    expect(names.sort()).toEqual([
      "change Deployment churn",
      "create ConfigMap churn-config",
      "remove ConfigMap churn-config",
    ]);
    const paths = found.objects.find(({ object }) => object === "Deployment churn")?.fields.map(({ path }) => path);
    expect(paths).toContain("spec.template.spec.containers[model].image");
    expect(found.wayBack).toMatchObject({ ready: true, version: "1" });
    expect(world.cluster.changes()).toHaveLength(changes);
  });

  it("of a version that was proven here before neither builds nor renders", async () => {
    const world = createWorld();
    await world.deploy("1");
    const first = world.target()?.stable?.image;
    await world.deploy("2");
    world.pointSilently("1");
    const found = await plan(world);
    expect(found.image).toEqual({ reference: first, state: "kept" });
    expect(found.stages.map(({ step }) => step)).toEqual(["validate", "rollout", "verify"]);
  });

  it("of what is live changes nothing and is a repeat", async () => {
    const world = createWorld();
    await world.deploy("1");
    expect(await plan(world)).toMatchObject({ decision: { code: "repeat" }, objects: [] });
  });

  it("of a pointer that names no version has no image", async () => {
    const world = createWorld();
    const found = await plan(world);
    expect(found).not.toHaveProperty("image");
    expect(found.objects).toEqual([]);
  });

  it("says that going back is not possible where the stable image is gone", async () => {
    const world = createWorld();
    await world.deploy("1");
    world.images.lose(world.target()?.stable?.image.split("@")[1] ?? "");
    world.pointSilently("2");
    expect((await plan(world)).wayBack).toMatchObject({ ready: false, version: "1" });
  });

  it("says that another place is refused", async () => {
    const world = createWorld();
    await world.deploy("1");
    world.policies[0] = policyFor({ workload: "elsewhere" });
    world.pointSilently("2");
    expect((await plan(world)).wayBack).toMatchObject({ ready: false, text: expect.stringContaining("another place") });
  });

  it("of a kept version whose release is gone builds it, as the deployment would", async () => {
    const world = createWorld();
    await world.deploy("1");
    const id = world.target()?.stable?.releaseId ?? "";
    await world.deploy("2");
    await world.store.removeBundle(
      "churn",
      "release",
      id,
      (await world.store.readBundleEtag("churn", "release", id)) ?? "",
    );
    world.pointSilently("1");
    expect((await plan(world)).image?.state).toBe("built");
  });

  it("leaves somebody's own object under the target's label alone", async () => {
    const world = createWorld();
    await world.deploy("1");
    const metadata = { name: "theirs", namespace: "models", labels: { "belay.dev/target": "churn" } };
    const theirs = { apiVersion: "v1", kind: "ConfigMap", metadata, data: {} };
    await world.cluster.apply(theirs, undefined, new AbortController().signal);
    world.pointSilently("2");
    expect((await plan(world)).objects.map(({ object }) => object)).not.toContain("ConfigMap theirs");
  });

  it("says that a target is held", async () => {
    const world = createWorld();
    await world.deploy("1");
    await world.spawn().giveCommand("churn", { name: "hold", by: "Ada" });
    world.pointSilently("2");
    expect(await plan(world)).toMatchObject({ decision: { code: "refuse" } });
  });

  it("says what somebody else has changed, and who would be in the way", async () => {
    const world = createWorld();
    await world.deploy("1");
    world.cluster.takeOver("Service", "churn", { spec: { ports: [] } });
    world.pointSilently("2");
    const service = (await plan(world)).objects.find(({ object }) => object === "Service churn");
    expect(service).toMatchObject({ change: "change", conflict: expect.stringContaining("somebody else") });
  });
});

const base = policyFor();
const policies = fc
  .record({
    replicas: fc.integer({ min: 1, max: 9 }),
    maxSurge: fc.integer({ min: 1, max: 4 }),
    maxUnavailable: fc.integer({ min: 0, max: 2 }),
    startupSeconds: fc.integer({ min: 5, max: 300 }),
    timeoutSeconds: fc.integer({ min: 310, max: 1_200 }),
    version: fc.constantFrom("1", "2"),
  })
  .map(({ version, ...rollout }) => ({ version, policy: policyFor({ rollout: { ...base.rollout, ...rollout } }) }));

/** Every object by name, with the image as it is known before it is built. */
function snapshot(world: World): Map<string, KubernetesObject> {
  return new Map(world.cluster.objects().map((object) => [`${object.kind} ${object.metadata.name}`, object]));
}

describe("a plan and what follows it", () => {
  it("are the same changes, for 300 generated configurations", async () => {
    await fc.assert(
      fc.asyncProperty(policies, policies, async (first, second) => {
        const world = createWorld();
        const follow = async ({ policy, version }: { policy: TargetPolicy; version: string }) => {
          world.policies[0] = policy;
          await world.promote(version);
        };
        await follow(first);
        await world.run();
        world.wait(1_000);
        world.policies[0] = second.policy;
        world.pointSilently(second.version);
        // Built once before: only then does the plan know the digest.
        await world.deploy(second.version);
        await follow(first);
        await world.run();
        world.wait(1_000);
        world.policies[0] = second.policy;
        world.pointSilently(second.version);
        const planned = await plan(world);
        const before = snapshot(world);
        await follow(second);
        await world.run();
        expect(
          planned.objects.map(({ object, change, fields }) => ({ object, change, fields })).sort(byObject),
        ).toEqual(changesBetween(before, snapshot(world)).sort(byObject));
      }),
      { numRuns: 300, seed: 6 },
    );
  }, 120_000);
});

interface Named {
  object: string;
}
const byObject = (a: Named, b: Named) => (a.object < b.object ? -1 : 1);

function changesBetween(before: ReadonlyMap<string, KubernetesObject>, after: ReadonlyMap<string, KubernetesObject>) {
  const changed = [...after].flatMap(([name, object]) => {
    const { change, fields } = compareObjects(before.get(name), object);
    return change === "none" ? [] : [{ object: name, change, fields }];
  });
  const gone = [...before.keys()].filter((name) => !after.has(name));
  return [...changed, ...gone.map((object) => ({ object, change: "remove" as const, fields: [] }))];
}
