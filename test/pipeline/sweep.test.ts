import { describe, expect, it } from "vitest";
import { PermanentError, TransientError } from "../../shared/domain/errors.ts";
import type { Notifier } from "../../shared/ports/notifier.ts";
import { createWorld } from "./world.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;
type World = ReturnType<typeof createWorld>;

const phases = (world: World) => world.endings().map(({ phase, model }) => `${model.version} ${phase}`);
const open = async (world: World) => (await world.store.listOpen(100)).length;

/** Everything the bus holds is lost. */
function loseMessages(world: World): void {
  for (;;) if (world.bus.take(world.now() + 365 * DAY) === undefined) return;
}

/** Ticks every five minutes until so much time has passed. */
async function sweepFor(world: World, ms: number): Promise<void> {
  const until = world.now() + ms;
  while (world.now() < until) {
    world.wait(5 * MINUTE);
    await world.tick("sweep");
  }
}

describe("the sweep", () => {
  it.each(["validate", "build", "rollout", "verify"])(
    "brings back a deployment whose message was lost in %s",
    async (step) => {
      const world = createWorld();
      await world.promote("1");
      await world.run(undefined, () => {
        const one = world.endings()[0];
        return one?.phase === "Running" && one.step === step;
      });
      loseMessages(world);
      await sweepFor(world, 10 * MINUTE);
      expect(phases(world)).toEqual(["1 Succeeded"]);
    },
  );

  it("sends nothing while a deployment goes its way, and ends its hint when it has ended", async () => {
    const world = createWorld();
    await world.promote("1");
    await world.run(undefined, () => world.endings().length === 1);
    expect(await open(world)).toBe(1);
    await world.spawn().timers.sweep();
    await world.run();
    expect(world.bus.sent().filter(({ id }) => id.includes("/sweep-"))).toEqual([]);
    world.wait(10 * MINUTE);
    await world.tick("sweep");
    expect(await open(world)).toBe(0);
  });

  it("sends again under ids that are never used twice, with pauses that double", async () => {
    const world = createWorld();
    await world.promote("1");
    await world.run(undefined, () => world.endings().length === 1);
    for (let tick = 0; tick < 100; tick++) {
      loseMessages(world);
      world.wait(5 * MINUTE);
      await world.spawn().timers.sweep();
    }
    const ids = world.bus.sent().flatMap(({ id }) => (id.includes("/sweep-") ? [id] : []));
    expect(new Set(ids).size).toBe(ids.length);
    // 100 ticks of 5 minutes, and pauses of 4, 8, 16, 32, 64 and 128 minutes after the first time.
    expect(ids).toHaveLength(7);
  });

  it("brings back a superseded deployment's notification that was never sent", async () => {
    const world = createWorld();
    await world.promote("1");
    await world.run(undefined, () => world.builder.builds().length === 1);
    await world.promote("2");
    await world.run(undefined, () => world.endings().length === 2);
    loseMessages(world);
    await sweepFor(world, 20 * MINUTE);
    expect(phases(world)).toEqual(["1 Superseded", "2 Succeeded"]);
    expect(world.told.map(({ phase }) => phase).sort()).toEqual(["Succeeded", "Succeeded", "Superseded", "Superseded"]);
  });

  it("tells a notifier that was down for a day, under the same id, and nobody twice", async () => {
    const world = createWorld();
    const back = world.now() + DAY;
    const { spawn } = world;
    let failed = 0;
    world.spawn = () => {
      const process = spawn();
      const { notifiers } = process.dependencies;
      const { notify } = notifiers.webhook;
      const webhook: Notifier = {
        notify: async (...given) => {
          if (world.now() >= back) return notify(...given);
          failed += 1;
          throw new PermanentError("bad-answer", "The endpoint is gone.");
        },
      };
      Object.assign(notifiers, { webhook });
      return process;
    };
    await world.promote("1");
    await world.run(world.spawn());
    for (let tick = 0; tick < 600; tick++) {
      world.wait(5 * MINUTE);
      const process = world.spawn();
      await process.timers.sweep();
      await world.run(process);
    }
    expect(failed).toBeGreaterThan(3);
    expect(world.told.map(({ id }) => id)).toEqual(Array(2).fill(world.told[0]?.id));
    expect(await open(world)).toBe(0);
  });

  it("gives a dead notifier up after a week, and says so", async () => {
    const world = createWorld();
    const { spawn } = world;
    world.spawn = () => {
      const process = spawn();
      const notify = async () => {
        throw new PermanentError("bad-answer", "The endpoint is gone.");
      };
      Object.assign(process.dependencies.notifiers, { webhook: { notify } });
      return process;
    };
    await world.promote("1");
    await world.run(world.spawn());
    for (let hour = 0; hour < 8 * 24; hour++) {
      world.wait(60 * MINUTE);
      const process = world.spawn();
      await process.timers.sweep();
      await world.run(process);
    }
    expect(await open(world)).toBe(0);
    expect(world.logged).toContainEqual(
      expect.objectContaining({ event: "sweep.given-up", fields: expect.objectContaining({ untold: ["webhook"] }) }),
    );
  });

  it("keeps the hint of an accept that may still come, and ends that of one that never can", async () => {
    const world = createWorld();
    await world.store.hintOpen("churn", Math.floor(world.now() / 1000) + 1_000_000, world.now());
    await world.deploy("1");
    await world.store.hintOpen("churn", (world.target()?.generation ?? 0) - 1, world.now());
    await sweepFor(world, 10 * MINUTE);
    expect(await open(world)).toBe(1);
  });

  it("leaves a deployment that waits alone while another is under way", async () => {
    const world = createWorld();
    await world.promote("1");
    await world.run(undefined, () => world.cluster.changes().length > 0);
    await world.promote("2");
    await world.run(undefined, () => world.endings().length === 2);
    world.wait(30 * MINUTE);
    await world.spawn().timers.sweep();
    const swept = world.bus.sent().filter(({ id }) => id.includes("/sweep-"));
    expect(swept.map(({ body }) => (body as { generation: number }).generation)).toEqual([
      world.endings()[0]?.generation,
    ]);
  });

  it("goes on with the others where one cannot be read", async () => {
    const world = createWorld();
    await world.store.hintOpen("broken", 5, world.now());
    await world.promote("1");
    await world.run(undefined, () => world.endings().length === 1);
    loseMessages(world);
    const { readTarget } = world.store;
    world.store.readTarget = async (target) => {
      if (target === "broken") throw new TransientError("unreachable", "no answer");
      return readTarget(target);
    };
    await sweepFor(world, 10 * MINUTE);
    expect(phases(world)).toEqual(["1 Succeeded"]);
    expect(world.logged).toContainEqual(expect.objectContaining({ event: "sweep.failed" }));
  });
});

describe("retention", () => {
  const releases = (world: World) =>
    Promise.all(
      world
        .endings()
        .map(
          async ({ work }) => (await world.store.readBundle("churn", "release", work.release?.id ?? "")) !== undefined,
        ),
    );
  const images = (world: World) =>
    Promise.all(
      world.endings().map(({ work }) => {
        const [repository = "", digest = ""] = (work.release?.image ?? "").replace("registry.test/", "").split("@");
        return world.images.exists(repository, digest, AbortSignal.any([]));
      }),
    );

  const taskRuns = (world: World) =>
    Promise.all(
      world.endings().map(async ({ work: { build } }) => {
        const state = await world.builder.look(build?.taskRun ?? "", AbortSignal.any([]));
        return state.kind !== "absent";
      }),
    );

  async function aged(days: number): Promise<World> {
    const world = createWorld({ fates: { "3": "crash" } });
    await world.tick("sweep");
    for (const version of ["1", "2", "3", "4"]) {
      await world.deploy(version);
      world.wait(DAY);
    }
    world.wait(days * DAY);
    for (let tick = 0; tick < 5; tick++) await world.tick("sweep");
    return world;
  }

  it("removes nothing before its time", async () => {
    const world = await aged(2);
    expect(await releases(world)).toEqual([true, true, true, true]);
    expect(await taskRuns(world)).toEqual([true, true, true, true]);
  });

  it("removes task runs after a week, and no image", async () => {
    const world = await aged(10);
    expect(await taskRuns(world)).toEqual([false, false, false, false]);
    expect(await images(world)).toEqual([true, true, true, true]);
  });

  it("removes releases beyond the last stable ones after a month, and never a stable one", async () => {
    const world = await aged(40);
    // Two stable releases are kept: version 4, which is live, and version 2 before it.
    expect(await releases(world)).toEqual([false, true, false, true]);
    expect(await images(world)).toEqual([false, true, false, true]);
  });

  it("lets a later wish build again what it removed", async () => {
    const world = await aged(40);
    await world.deploy("1");
    expect(phases(world).at(-1)).toBe("1 Succeeded");
  });

  it("leaves everything as it is while a deployment is under way", async () => {
    const world = createWorld();
    await world.deploy("1");
    await world.deploy("2");
    await world.deploy("3");
    world.wait(40 * DAY);
    await world.promote("4");
    await world.run(undefined, () => world.endings().length === 4);
    await world.spawn().timers.sweep();
    expect((await releases(world)).slice(0, 3)).toEqual([true, true, true]);
  });

  it("locks an image again that became stable between its unlocking and its removal", async () => {
    const world = createWorld();
    await world.tick("sweep");
    for (const version of ["1", "2", "3"]) await world.deploy(version);
    world.wait(40 * DAY);
    const { unlock } = world.images;
    let again: Promise<void> | undefined;
    world.images.unlock = async (...given) => {
      await unlock(...given);
      again ??= world.deploy("1");
      await again;
    };
    for (let tick = 0; tick < 3; tick++) await world.tick("sweep");
    expect(phases(world).at(-1)).toBe("1 Succeeded");
    expect((await images(world))[0]).toBe(true);
    expect(world.images.drop(world.target()?.stable?.image.split("@")[1] ?? "")).toBe(false);
  });
});
