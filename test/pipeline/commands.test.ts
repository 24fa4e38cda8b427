import { describe, expect, it } from "vitest";
import type { Command } from "../../shared/domain/command.ts";
import { createWorld } from "./world.ts";

type World = ReturnType<typeof createWorld>;

const give = async (world: World, name: Command["name"], reason?: string) => {
  const result = await world
    .spawn()
    .giveCommand("churn", { name, by: "Ada", ...(reason === undefined ? {} : { reason }) });
  return result;
};
const atStep = (world: World, step: string) => () => {
  const newest = world.endings().at(-1);
  return newest?.phase === "Running" && newest.step === step;
};

describe("stop", () => {
  it("ends a deployment before its first change, by name, and touches nothing", async () => {
    const world = createWorld();
    await world.deploy("1");
    const before = world.cluster.changes().length;
    await world.promote("2");
    await world.run(undefined, atStep(world, "build"));
    expect(await give(world, "stop", "wrong data")).toMatchObject({ kind: "done" });
    await world.run();
    expect(world.endings()[1]).toMatchObject({
      phase: "Rejected",
      changed: false,
      problem: { code: "stopped", message: "Stopped by Ada: wrong data." },
    });
    expect(world.cluster.changes()).toHaveLength(before);
  });

  it.each(["rollout", "verify"])("rolls back at once in %s, after the first change", async (step) => {
    const world = createWorld();
    await world.deploy("1");
    const image = world.cluster.serving();
    const before = world.cluster.changes().length;
    await world.promote("2");
    await world.run(undefined, () => atStep(world, step)() && world.cluster.changes().length > before);
    expect(await give(world, "stop")).toMatchObject({ kind: "done" });
    await world.run();
    expect(world.endings()[1]).toMatchObject({ phase: "RolledBack", problem: { code: "stopped" } });
    expect(world.cluster.serving()).toBe(image);
  });

  it("starts what waited, in the same transaction", async () => {
    const world = createWorld();
    await world.deploy("1");
    await world.promote("2");
    await world.run(undefined, atStep(world, "verify"));
    await world.promote("3");
    await world.run(undefined, () => world.endings().length === 3);
    await give(world, "stop");
    await world.run();
    expect(world.endings().map(({ phase }) => phase)).toEqual(["Succeeded", "RolledBack", "Succeeded"]);
  });

  it("says that nothing is under way, or that it is on its way back already", async () => {
    const world = createWorld({ fates: { "2": "crash" } });
    expect(await give(world, "stop")).toEqual({ kind: "nothing", said: "Nothing is under way on this target." });
    await world.deploy("1");
    await world.promote("2");
    await world.run(undefined, atStep(world, "rollback"));
    expect(await give(world, "stop")).toMatchObject({
      kind: "nothing",
      said: expect.stringContaining("on its way back"),
    });
  });

  it("given again sends what its first giver died before sending", async () => {
    const world = createWorld();
    await world.deploy("1");
    await world.promote("2");
    await world.run(undefined, atStep(world, "verify"));
    const dying = world.spawn((point) => (point === "before bus.send" ? "die" : "go on"));
    await expect(dying.giveCommand("churn", { name: "stop", by: "Ada" })).rejects.toThrow();
    for (let message = world.bus.take(world.now() + 3_600_000); message !== undefined; )
      message = world.bus.take(world.now() + 3_600_000);
    expect(await give(world, "stop")).toMatchObject({ kind: "nothing" });
    await world.run();
    expect(world.endings()[1]).toMatchObject({ phase: "RolledBack", problem: { code: "stopped" } });
  });

  it("wins against a visit that was at work meanwhile", async () => {
    const world = createWorld();
    await world.deploy("1");
    await world.promote("2");
    await world.run(undefined, atStep(world, "verify"));
    const { pods } = world.cluster;
    let stopped: Promise<unknown> | undefined;
    world.cluster.pods = async (...given) => {
      stopped ??= give(world, "stop");
      await stopped;
      return pods(...given);
    };
    await world.run();
    expect(world.endings()[1]).toMatchObject({ phase: "RolledBack", problem: { code: "stopped" } });
  });

  it("keeps the version from being taken again by itself", async () => {
    const world = createWorld();
    await world.promote("1");
    await world.run(undefined, atStep(world, "build"));
    await give(world, "stop");
    await world.run();
    for (let tick = 0; tick < 10; tick++) {
      world.wait(600_000);
      await world.tick("reconcile");
    }
    expect(world.endings()).toHaveLength(1);
  });
});

describe("hold and release", () => {
  it("refuse what comes meanwhile, and let what is under way go on", async () => {
    const world = createWorld();
    await world.promote("1");
    await world.run(undefined, atStep(world, "build"));
    expect(await give(world, "hold", "a freeze")).toMatchObject({ kind: "done" });
    await world.run();
    expect(world.endings()[0]).toMatchObject({ phase: "Succeeded" });
    await world.deploy("2");
    expect(world.endings()[1]).toMatchObject({ phase: "Rejected", problem: { code: "held" } });
    expect(world.target()?.hold).toMatchObject({ by: "Ada" });
    expect(await give(world, "hold")).toMatchObject({ kind: "nothing" });
    expect(await give(world, "release")).toMatchObject({ kind: "done" });
    expect(await give(world, "release")).toEqual({ kind: "nothing", said: "The target is not held." });
    await world.deploy("3");
    expect(world.endings()[2]).toMatchObject({ phase: "Succeeded" });
  });

  it("work on a target that nothing was ever deployed to", async () => {
    const world = createWorld();
    await give(world, "hold");
    await world.deploy("1");
    expect(world.endings()[0]).toMatchObject({ phase: "Rejected", problem: { code: "held" } });
  });
});

describe("forget-stable", () => {
  it("lets the next deployment go without a way back, after the stable image was lost", async () => {
    const world = createWorld();
    await world.deploy("1");
    world.images.lose(world.target()?.stable?.image.split("@")[1] ?? "");
    await world.deploy("2");
    expect(world.endings()[1]).toMatchObject({ phase: "Rejected", problem: { code: "stable-lost" } });
    expect(await give(world, "forget-stable")).toMatchObject({ kind: "done" });
    world.wait(600_000);
    await world.tick("reconcile");
    expect(world.endings()[2]).toMatchObject({ phase: "Succeeded", model: { version: "2" } });
  });

  it("is refused while a deployment changes the target", async () => {
    const world = createWorld();
    await world.deploy("1");
    await world.promote("2");
    await world.run(undefined, atStep(world, "verify"));
    expect(await give(world, "forget-stable")).toMatchObject({ kind: "nothing" });
    expect(world.target()?.stable).toBeDefined();
  });
});

describe("promote", () => {
  it("deploys what is live once more, because a person says so", async () => {
    const world = createWorld();
    await world.deploy("1");
    await give(world, "promote");
    await world.run();
    expect(world.endings().map(({ phase }) => phase)).toEqual(["Succeeded", "Succeeded"]);
  });

  it("reaches only the target it was given to", async () => {
    const world = createWorld();
    const [policy] = world.policies;
    if (policy === undefined) throw new Error("no policy");
    world.policies.push({ ...policy, target: "other", workload: "other" });
    world.pointSilently("1");
    await give(world, "promote");
    await world.run();
    expect(world.endings().map(({ target }) => target)).toEqual(["churn"]);
  });
});

it("a command to a target that the policy does not name is not taken", async () => {
  const world = createWorld();
  expect(await world.spawn().giveCommand("nowhere", { name: "hold", by: "Ada" })).toBeUndefined();
});
