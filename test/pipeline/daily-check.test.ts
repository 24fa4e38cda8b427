import { describe, expect, it } from "vitest";
import { PermanentError } from "../../shared/domain/errors.ts";
import { createPolicyReader } from "../../shared/steps/consumers.ts";
import { findDrift } from "../../shared/steps/drift.ts";
import { createWorld, type VersionFate } from "./world.ts";

type World = ReturnType<typeof createWorld>;

const reports = (world: World) => world.told.filter(({ phase }) => phase === "DailyCheck");

async function live(fates: Record<string, VersionFate> = {}): Promise<World> {
  const world = createWorld({ fates });
  await world.deploy("1");
  world.wait(3_600_000);
  return world;
}

describe("the daily deployment check", () => {
  it("changes nothing and tells nobody when all is as it was recorded", async () => {
    const world = await live();
    const changes = world.cluster.changes().length;
    await world.tick("daily-check");
    expect(reports(world)).toEqual([]);
    expect(world.cluster.changes()).toHaveLength(changes);
    expect(world.endings()).toHaveLength(1);
    expect(world.logged).toContainEqual({ event: "daily-check.found", fields: { target: "churn", findings: [] } });
  });

  it("is as content after a rollback, whose objects carry the token of what was rolled back", async () => {
    const world = await live({ "2": "crash" });
    await world.deploy("2");
    await world.tick("daily-check");
    expect(reports(world)).toEqual([]);
  });

  it.each<{ what: string; meddle: (world: World) => void; found: string }>([
    {
      what: "another token",
      meddle: (world) => world.cluster.tamper("Deployment", "churn", { "belay.dev/token": "7.7" }),
      found: "Deployment churn carries the token 7.7",
    },
    {
      what: "no token",
      meddle: (world) => world.cluster.tamper("Service", "churn", {}),
      found: "Service churn carries no token of Belay's.",
    },
    {
      what: "another image",
      meddle: (world) => {
        const spec = structuredClone(world.cluster.find("Deployment", "churn")?.["spec"]) as {
          template: { spec: { containers: { image: string }[] } };
        };
        for (const container of spec.template.spec.containers) container.image = "nginx";
        world.cluster.takeOver("Deployment", "churn", { spec });
      },
      found: "churn runs nginx in model, not the release's registry.test/",
    },
    {
      what: "another number of pods",
      meddle: (world) => {
        const spec = structuredClone(world.cluster.find("Deployment", "churn")?.["spec"]) as { replicas: number };
        spec.replicas += 4;
        world.cluster.takeOver("Deployment", "churn", { spec });
      },
      found: "Deployment churn: spec.replicas is 7, 3 was recorded. Deployment churn is somebody else's.",
    },
  ])("says that there is $what, in one notification a notifier", async ({ meddle, found }) => {
    const world = await live();
    meddle(world);
    await world.tick("daily-check");
    await world.tick("daily-check");
    expect(reports(world)).toHaveLength(2);
    expect(reports(world)[0]?.lines.join(" ")).toContain(found);
    expect(reports(world)[0]?.title).toBe("Daily deployment check: churn is not as it was recorded");
  });

  it("says that what runs does not serve well any more, after three looks", async () => {
    const fates: Record<string, VersionFate> = {};
    const world = await live(fates);
    fates["1"] = "wrong";
    await world.tick("daily-check");
    expect(reports(world)[0]?.lines[0]).toContain("A test prediction failed");
  });

  it("looks again before it tells anybody", async () => {
    const fates: Record<string, VersionFate> = {};
    const world = await live(fates);
    fates["1"] = "unhealthy";
    const { getPod } = world.cluster.prober;
    let looks = 0;
    world.cluster.prober.getPod = async (...given) => {
      looks += 1;
      if (looks > 3) delete fates["1"];
      return getPod(...given);
    };
    await world.tick("daily-check");
    expect(reports(world)).toEqual([]);
  });

  it("leaves a target alone on which a deployment is under way, or that has no stable release", async () => {
    const world = createWorld();
    await world.tick("daily-check");
    await world.promote("1");
    await world.run(undefined, () => world.cluster.changes().length > 0);
    await world.spawn().timers["daily-check"]();
    await world.run();
    expect(world.logged.filter(({ event }) => event === "daily-check.found")).toEqual([]);
  });
});

describe("what the daily deployment check tells", () => {
  it("holds no value of where people put secrets", async () => {
    const world = await live();
    const spec = structuredClone(world.cluster.find("Deployment", "churn")?.["spec"]) as {
      template: { spec: { containers: { env?: unknown }[] } };
    };
    for (const container of spec.template.spec.containers) container.env = [{ name: "PASSWORD", value: "hunter2" }];
    world.cluster.takeOver("Deployment", "churn", { spec });
    await world.tick("daily-check");
    expect(reports(world)[0]?.lines.join(" ")).toContain("its values are not shown");
    expect(JSON.stringify([world.told, world.logged])).not.toContain("hunter2");
  });

  it("says that the stable release is not in the table any more", async () => {
    const world = await live();
    const id = world.target()?.stable?.releaseId ?? "";
    await world.store.removeBundle(
      "churn",
      "release",
      id,
      (await world.store.readBundleEtag("churn", "release", id)) ?? "",
    );
    await world.tick("daily-check");
    expect(reports(world)[0]?.lines.join(" ")).toContain("is not in the table");
  });
});

describe("drift", () => {
  const look = (world: World) => {
    const { dependencies } = world.spawn();
    return findDrift({ ...dependencies, readPolicy: createPolicyReader(dependencies) }, "churn");
  };

  it("is unknown where nothing was proven yet", async () => {
    const world = createWorld();
    expect(await look(world)).toMatchObject({ same: true, objects: [] });
    expect(await look(world)).not.toHaveProperty("stable");
  });

  it("is nothing after a deployment, and after a rollback", async () => {
    const world = await live({ "2": "crash" });
    expect(await look(world)).toMatchObject({ same: true, stable: { version: "1" } });
    await world.deploy("2");
    expect(await look(world)).toMatchObject({ same: true, stable: { version: "1" } });
  });

  it("says which deployment is changing the target", async () => {
    const world = await live();
    await world.promote("2");
    await world.run(undefined, () => world.target()?.changing === true);
    expect(await look(world)).toMatchObject({ underWay: expect.stringMatching(/^churn\.\d+$/) });
  });

  it.each([
    [{}, "carries no token"],
    [{ "belay.dev/token": "7.1" }, "which is not of the target's last change"],
  ])("names an object whose token is not Belay's last: %j", async (annotations, conflict) => {
    const world = await live();
    world.cluster.tamper("Service", "churn", annotations);
    const found = await look(world);
    expect(found).toMatchObject({ same: false, objects: [{ object: "Service churn" }] });
    expect(found.objects[0]?.conflict).toContain(conflict);
  });

  it("names an object that the API server would not take, beside the others", async () => {
    const world = await live();
    const { preview } = world.cluster.previewer;
    world.cluster.previewer.preview = async (object, signal) => {
      if (object.kind === "ConfigMap") throw new PermanentError("rollout-refused", "data: field is immutable");
      return preview(object, signal);
    };
    const found = await look(world);
    expect(found.objects).toMatchObject([{ change: "none", conflict: "data: field is immutable" }]);
  });

  it("names what is gone and what is another", async () => {
    const world = await live();
    world.cluster.takeOver("Service", "churn", { spec: { ports: [] } });
    const found = await look(world);
    expect(found).toMatchObject({ same: false, objects: [{ object: "Service churn", change: "change" }] });
    expect(found.objects[0]?.conflict).toContain("somebody else");
  });
});
