import { describe, expect, it } from "vitest";
import { createConsumers } from "../../shared/steps/consumers.ts";
import { createFakeCluster } from "../fakes/fake-cluster.ts";
import { policyFor } from "./manifests.ts";
import { createWorld, type VersionFate } from "./world.ts";

const DAY = 86_400_000;

type World = ReturnType<typeof createWorld>;

/** A sweep that freezes before it removes its first image. */
async function freezeRetention(world: World) {
  let frozen = false;
  const process = world.spawn((point) => {
    if (frozen || point !== "before images.remove") return "go on";
    frozen = true;
    return "freeze";
  });
  const ticking = process.timers.sweep();
  for (let turns = 0; turns < 500 && !frozen; turns++) await new Promise((resolve) => setImmediate(resolve));
  expect(frozen).toBe(true);
  return {
    thaw: async () => {
      process.worker.thaw();
      await ticking;
    },
  };
}

async function isStored(world: World): Promise<boolean> {
  const id = world.target()?.stable?.releaseId ?? "";
  return (await world.store.readBundle("churn", "release", id)) !== undefined;
}

/** Three versions were live, the first of them longer ago than it is kept. */
async function longAgo(fates: Record<string, VersionFate> = {}): Promise<World> {
  const world = createWorld({ fates });
  for (const version of ["1", "2", "3"]) await world.deploy(version);
  await world.tick("sweep");
  world.wait(32 * DAY);
  return world;
}

describe("retention", () => {
  it("that froze takes neither image nor bundle of what has become stable again meanwhile", async () => {
    const world = await longAgo();
    const { thaw } = await freezeRetention(world);
    await world.deploy("1");
    await thaw();
    expect(world.target()?.stable?.model.version).toBe("1");
    expect(await isStored(world)).toBe(true);
    expect(world.images.has(world.target()?.stable?.image.split("@")[1] ?? "")).toBe(true);
  });

  it("that froze takes nothing of a kept release that is about to go out again", async () => {
    const world = await longAgo();
    const { thaw } = await freezeRetention(world);
    await world.promote("1");
    await world.run(undefined, () =>
      world.store.deployments().some((one) => one.phase === "Running" && one.step === "rollout"),
    );
    await thaw();
    await world.run();
    expect(world.endings().at(-1)).toMatchObject({ phase: "Succeeded", model: { version: "1" } });
  });

  it("that froze does not take an image that was found built", async () => {
    const fates: Record<string, VersionFate> = { "2": "crash" };
    const world = createWorld({ fates });
    await world.deploy("1");
    await world.deploy("2");
    fates["2"] = "good";
    await world.tick("sweep");
    world.wait(32 * DAY);
    const { thaw } = await freezeRetention(world);
    await world.promote("2");
    await world.run(undefined, () =>
      world.store.deployments().some((one) => one.phase === "Running" && one.step === "verify"),
    );
    await thaw();
    await world.run();
    expect(world.endings().at(-1)).toMatchObject({ phase: "Succeeded", model: { version: "2" } });
  });

  it("of one target leaves the image that another target runs", async () => {
    const world = createWorld();
    const pointer = { kind: "alias", alias: "live" } as const;
    const place = { target: "production", workload: "production", namespace: "production" };
    world.policies.push(policyFor({ ...place, pointer }));
    const other = createFakeCluster(world.now, () => "good");
    const process = world.spawn();
    const { openCluster } = process.dependencies;
    const consumers = createConsumers({
      ...process.dependencies,
      openCluster: async (policy) =>
        policy.namespace === "production"
          ? { cluster: other, prober: other.prober, previewer: other.previewer }
          : openCluster(policy),
    });
    const both = { ...process, consumers };
    await world.promote("1");
    await world.run(both);
    world.registry.setAlias("churn-classifier", "live", "1");
    const origin = { kind: "webhook", deliveryId: "live-1", event: "model_version_alias.created" } as const;
    const body = { id: "live-1", model: "churn-classifier", pointer, version: "1", wishedAt: world.now() + 1, origin };
    await world.bus.send([{ queue: "promotions", id: "live-1", body }]);
    await world.run(both);
    const live = world.store.targets().find(({ name }) => name === "production")?.stable;
    expect(live?.model.version).toBe("1");
    for (const version of ["2", "3", "4"]) {
      world.wait(1_000);
      await world.promote(version);
      await world.run(both);
    }
    for (let day = 0; day < 40; day++) {
      world.wait(DAY);
      await world.tick("sweep");
    }
    expect(world.images.has(live?.image.split("@")[1] ?? "")).toBe(true);
  });
});
