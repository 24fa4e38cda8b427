import { describe, expect, it } from "vitest";
import { TransientError } from "../../shared/domain/errors.ts";
import { policyFor } from "./manifests.ts";
import { createWorld, type VersionFate } from "./world.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;
type World = ReturnType<typeof createWorld>;

const phases = (world: World) => world.endings().map(({ phase, model }) => `${model.version} ${phase}`);

/** Ticks every two minutes until so much time has passed. */
async function reconcileFor(world: World, ms: number): Promise<void> {
  const until = world.now() + ms;
  while (world.now() < until) {
    await world.tick("reconcile");
    world.wait(2 * MINUTE);
  }
}

describe("the reconciler", () => {
  it("deploys what no webhook ever told of, once", async () => {
    const world = createWorld();
    world.pointSilently("1");
    await reconcileFor(world, 20 * MINUTE);
    expect(phases(world)).toEqual(["1 Succeeded"]);
    expect(world.endings()[0]).toMatchObject({ promotion: { origin: { kind: "difference" }, version: "1" } });
  });

  it("and a webhook for the same never double", async () => {
    const world = createWorld();
    await world.promote("1");
    await world.spawn().timers.reconcile();
    await world.run();
    await reconcileFor(world, 10 * MINUTE);
    expect(phases(world)).toEqual(["1 Succeeded"]);
  });

  it("asks nothing where nobody has ever set the pointer", async () => {
    const world = createWorld();
    await reconcileFor(world, 10 * MINUTE);
    expect(world.bus.sent()).toEqual([]);
  });

  it("follows a pointer that moved back, by an ordinary promotion", async () => {
    const world = createWorld();
    await world.deploy("1");
    await world.deploy("2");
    world.pointSilently("1");
    await reconcileFor(world, 10 * MINUTE);
    expect(phases(world)).toEqual(["1 Succeeded", "2 Succeeded", "1 Succeeded"]);
  });

  it("keeps what is live where the policy says so, and says so once", async () => {
    const world = createWorld({ policy: { movedBack: "keep" } });
    await world.deploy("1");
    await world.deploy("2");
    world.pointSilently("1");
    await reconcileFor(world, 20 * MINUTE);
    expect(phases(world)).toEqual(["1 Succeeded", "2 Succeeded", "1 Rejected"]);
    expect(world.endings()[2]).toMatchObject({ problem: { code: "moved-back" }, serving: { model: { version: "2" } } });
    expect(world.told.filter(({ phase }) => phase === "Rejected")).toHaveLength(2);
  });

  it.each([
    { what: "deleted", lose: (world: World) => world.registry.deleteAlias("churn-classifier", "champion") },
    {
      what: "pointing to a deleted version",
      lose: (world: World) => world.registry.deleteVersion("churn-classifier", "1"),
    },
  ])("keeps serving when the alias is $what, and says so once", async ({ lose }) => {
    const world = createWorld();
    await world.deploy("1");
    const image = world.cluster.serving();
    lose(world);
    await reconcileFor(world, 20 * MINUTE);
    expect(world.endings().slice(1)).toMatchObject([{ phase: "Rejected", problem: { code: "pointer-missing" } }]);
    expect(world.cluster.serving()).toBe(image);
  });

  it("says nothing of a missing alias where the policy says that nothing comes of it", async () => {
    const world = createWorld({ policy: { missing: "ignore" } });
    await world.deploy("1");
    world.registry.deleteAlias("churn-classifier", "champion");
    await reconcileFor(world, 10 * MINUTE);
    expect(phases(world)).toEqual(["1 Succeeded"]);
  });

  it("tries an ending of kind errored again, with pauses that double, and then leaves it to the daily check", async () => {
    const world = createWorld({ fates: { "1": "build-service" } });
    await world.deploy("1");
    await reconcileFor(world, 2 * DAY);
    const [first, ...retries] = world.endings();
    expect(first).toMatchObject({ phase: "Failed", problem: { kind: "errored" } });
    expect(retries.map(({ promotion }) => promotion.origin)).toEqual(
      Array.from({ length: 8 }, (_, index) => expect.objectContaining({ kind: "retry", attempt: index + 1 })),
    );
    await world.tick("daily-check");
    expect(world.endings()).toHaveLength(10);
  });

  it("brings an ending of kind errored to success once what was wrong is over", async () => {
    const fates: Record<string, VersionFate> = { "1": "build-service" };
    const world = createWorld({ fates });
    await world.deploy("1");
    delete fates["1"];
    const { look } = world.builder;
    const dead = new Set(world.builder.builds().map(({ name }) => name));
    world.builder.look = async (name, signal) =>
      dead.has(name) ? { kind: "failed", cause: "service", message: "no agent", lastLines: [] } : look(name, signal);
    await reconcileFor(world, 10 * MINUTE);
    expect(phases(world)).toEqual(["1 Failed", "1 Succeeded"]);
  });

  it("never tries a version again that failed, until a person says so", async () => {
    const world = createWorld({ fates: { "2": "crash" } });
    await world.deploy("1");
    await world.deploy("2");
    await reconcileFor(world, DAY);
    expect(phases(world)).toEqual(["1 Succeeded", "2 RolledBack"]);
    await world.spawn().giveCommand("churn", { name: "promote", by: "Ada" });
    await world.run();
    expect(phases(world)).toEqual(["1 Succeeded", "2 RolledBack", "2 RolledBack"]);
    expect(world.endings()[2]).toMatchObject({ promotion: { origin: { kind: "person", by: "Ada" } } });
  });

  it("takes a failed version again when the registry has said something else in between", async () => {
    const fates: Record<string, VersionFate> = { "2": "crash" };
    const world = createWorld({ fates });
    await world.deploy("1");
    await world.deploy("2");
    delete fates["2"];
    for (const version of ["1", "2"]) {
      world.pointSilently(version);
      await reconcileFor(world, 10 * MINUTE);
    }
    expect(phases(world)).toEqual(["1 Succeeded", "2 RolledBack", "1 Succeeded", "2 Succeeded"]);
  });

  it("asks again for what was refused while the target was held", async () => {
    const world = createWorld();
    await world.deploy("1");
    await world.spawn().giveCommand("churn", { name: "hold", by: "Ada", reason: "a freeze" });
    await world.deploy("2");
    await reconcileFor(world, 20 * MINUTE);
    expect(world.endings()[1]).toMatchObject({ phase: "Rejected", problem: { code: "held" } });
    await world.spawn().giveCommand("churn", { name: "release", by: "Ada" });
    await reconcileFor(world, 10 * MINUTE);
    expect(phases(world)).toEqual(["1 Succeeded", "2 Rejected", "2 Succeeded"]);
  });

  it("starts nothing when only the policy has changed", async () => {
    const world = createWorld();
    await world.deploy("1");
    world.policies.splice(0, 1, policyFor({ firstFailure: "keep" }));
    await reconcileFor(world, 10 * MINUTE);
    expect(phases(world)).toEqual(["1 Succeeded"]);
  });

  it("notices a model that was deleted and made anew under the same version number", async () => {
    const world = createWorld();
    await world.deploy("1");
    world.wait(DAY);
    world.registry.deleteModel("churn-classifier");
    world.registry.register("churn-classifier", "1", { metrics: { accuracy: 0.9 } });
    world.pointSilently("1");
    await reconcileFor(world, 10 * MINUTE);
    expect(phases(world)).toEqual(["1 Succeeded", "1 Succeeded"]);
  });

  it("follows a stage, which moves without any webhook", async () => {
    const world = createWorld({ policy: { pointer: { kind: "stage", stage: "Production" } } });
    world.registry.setStage("churn-classifier", "1", "Production");
    await reconcileFor(world, 10 * MINUTE);
    world.registry.setStage("churn-classifier", "1", "Archived");
    world.registry.setStage("churn-classifier", "2", "Production");
    await reconcileFor(world, 10 * MINUTE);
    expect(phases(world)).toEqual(["1 Succeeded", "2 Succeeded"]);
  });

  it("assumes nothing while the registry does not answer, and goes on when it does", async () => {
    const world = createWorld();
    await world.deploy("1");
    const back = world.now() + DAY;
    const { listModels } = world.registry;
    world.registry.listModels = async (...given) => {
      if (world.now() < back) throw new TransientError("unreachable", "MLflow gave no answer.");
      return listModels(...given);
    };
    world.pointSilently("2");
    await reconcileFor(world, DAY - MINUTE);
    expect(phases(world)).toEqual(["1 Succeeded"]);
    world.wait(MINUTE);
    await reconcileFor(world, 10 * MINUTE);
    expect(phases(world)).toEqual(["1 Succeeded", "2 Succeeded"]);
  });

  it("believes the pointer itself where the list says otherwise", async () => {
    const world = createWorld();
    await world.deploy("1");
    const { listModels } = world.registry;
    world.registry.listModels = async (...given) => {
      const page = await listModels(...given);
      return { ...page, models: page.models.map((model) => ({ ...model, aliases: { champion: "2" } })) };
    };
    await reconcileFor(world, 10 * MINUTE);
    expect(phases(world)).toEqual(["1 Succeeded"]);
  });

  it("goes on with the page it had no time for", async () => {
    const world = createWorld();
    world.pointSilently("1");
    const pages = ["a", "b", "c"];
    const { listModels } = world.registry;
    const asked: (string | undefined)[] = [];
    world.registry.listModels = async (after, signal) => {
      asked.push(after);
      world.wait(150_000);
      const next = pages[pages.indexOf(after ?? "") + 1];
      if (next !== undefined) return { models: [], next };
      return listModels(undefined, signal);
    };
    for (let tick = 0; tick < 4; tick++) await world.tick("reconcile");
    expect(asked).toEqual([undefined, "a", "b", "c"]);
    expect(phases(world)).toEqual(["1 Succeeded"]);
  });

  it("is not held up by one target that cannot be read", async () => {
    const world = createWorld();
    world.policies.unshift(policyFor({ target: "broken", workload: "broken" }));
    const { readTarget } = world.store;
    world.store.readTarget = async (target) => {
      if (target === "broken") throw new TransientError("unreachable", "no answer");
      return readTarget(target);
    };
    world.pointSilently("1");
    await world.spawn().timers.reconcile();
    world.policies.shift();
    await world.run();
    expect(phases(world)).toEqual(["1 Succeeded"]);
  });
});
