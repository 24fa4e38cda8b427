import { describe, expect, it } from "vitest";
import { hasEnded } from "../../shared/domain/deployment.ts";
import { createWorld, type World } from "./world.ts";

/** What must be the same however often a process died: endings, what serves, what lies on the cluster, who was told. */
function ending(world: World) {
  return {
    endings: world.endings().map(({ phase, model }) => `${model.version} ${phase}`),
    serving: world.cluster.serving(),
    stable: world.target()?.stable?.model.version,
    objects: world.cluster
      .objects()
      .map(({ kind, metadata }) => `${kind} ${metadata.name}`)
      .sort(),
    builds: world.builder.builds().length,
    told: [...new Set(world.told.map(({ id, title }) => `${id.replace(/\d+\/\d+$/, "")}${title}`))].sort(),
    poisoned: world.bus.poisoned(),
    open: world.target()?.active,
  };
}

const STORIES = {
  "the good story": { fates: {}, versions: ["1", "2"] },
  "the rolled-back story": { fates: { "2": "crash" }, versions: ["1", "2"] },
  "the story of wrong predictions": { fates: { "2": "wrong" }, versions: ["1", "2"] },
  "the story of a first version that fails": { fates: { "1": "crash" }, versions: ["1"] },
} as const;

/** Plays a story; `fate` decides at each point of the last promotion's run. */
async function play(
  { fates, versions }: (typeof STORIES)[keyof typeof STORIES],
  fate: (point: string) => "go on" | "die" = () => "go on",
  options: { copies?: number; pick?: (due: number) => number } = {},
) {
  const world = createWorld({ fates, ...options });
  for (const version of versions.slice(0, -1)) await world.deploy(version);
  await world.promote(versions.at(-1) ?? "");
  await world.run(world.spawn(fate));
  return world;
}

describe.each(Object.entries(STORIES))("%s", (_name, story) => {
  it("ends the same wherever the process dies", async () => {
    const points: string[] = [];
    const whole = await play(story, (point) => {
      points.push(point);
      return "go on";
    });
    const expected = ending(whole);
    expect(points.length).toBeGreaterThan(100);
    for (const [index, point] of points.entries()) {
      let count = 0;
      const world = await play(story, () => (count++ === index ? "die" : "go on"));
      expect({ point: `${index}: ${point}`, ...ending(world) }).toEqual({ point: `${index}: ${point}`, ...expected });
    }
  }, 240_000);

  it("ends the same when every message is delivered twice", async () => {
    expect(ending(await play(story, undefined, { copies: 2 }))).toEqual(ending(await play(story)));
  });

  it("ends the same in whatever order due messages arrive", async () => {
    const expected = ending(await play(story));
    for (let seed = 1; seed <= 20; seed++) {
      let state = seed * 7919;
      const pick = (due: number) => {
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
        return due === 0 ? 0 : state % due;
      };
      expect(ending(await play(story, undefined, { copies: 2, pick }))).toEqual(expected);
    }
  });

  it("changes nothing when all its messages are sent again at the end", async () => {
    const world = await play(story);
    const expected = ending(world);
    const changes = world.cluster.changes().length;
    for (const message of world.bus.sent().filter(({ queue }) => queue !== "poison" && queue !== "notify"))
      await world.handOver(world.spawn(), { ...message });
    await world.run();
    expect(ending(world)).toEqual(expected);
    expect(world.cluster.changes()).toHaveLength(changes);
  });

  it("is not disturbed by a worker that froze at any point and wakes after the ending", async () => {
    const points: string[] = [];
    const expected = ending(
      await play(story, (point) => {
        points.push(point);
        return "go on";
      }),
    );
    for (const [index, point] of points.entries()) {
      const world = await freezeAt(story, index);
      expect({ point: `${index}: ${point}`, ...ending(world) }).toEqual({ point: `${index}: ${point}`, ...expected });
    }
  }, 240_000);
});

/** A worker freezes at one point of the story; others go on; it wakes when all has ended. */
async function freezeAt({ fates, versions }: (typeof STORIES)[keyof typeof STORIES], index: number): Promise<World> {
  const world = createWorld({ fates });
  for (const version of versions.slice(0, -1)) await world.deploy(version);
  await world.promote(versions.at(-1) ?? "");
  let count = 0;
  const sleeper = world.spawn(() => (count++ === index ? "freeze" : "go on"));
  let asleep: Promise<unknown> | undefined;
  while (asleep === undefined) {
    const due = world.bus.nextAt();
    if (due === undefined) return world;
    world.wait(Math.max(0, due - world.now()));
    const message = world.bus.take(world.now());
    if (message === undefined) continue;
    const work = world.handOver(sleeper, message);
    await settled(work, () => sleeper.worker.frozen);
    if (!sleeper.worker.frozen) continue;
    asleep = work;
    world.bus.giveBack(message, world.now() + 1_000);
  }
  await world.run(undefined, () => world.endings().length === versions.length && world.endings().every(hasEnded));
  const fixed = () => world.cluster.objects().filter(({ kind }) => kind !== "ConfigMap");
  const before = JSON.stringify(fixed());
  sleeper.worker.thaw();
  await asleep.catch(() => {});
  expect(JSON.stringify(fixed())).toBe(before);
  await world.run();
  return world;
}

/** Resolves when the work has ended or the worker has frozen. */
async function settled(work: Promise<unknown>, frozen: () => boolean): Promise<void> {
  let ended = false;
  work.then(
    () => {
      ended = true;
    },
    () => {
      ended = true;
    },
  );
  while (!ended && !frozen()) await new Promise((resolve) => setImmediate(resolve));
}
