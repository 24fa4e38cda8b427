import { describe, expect, it } from "vitest";
import { z } from "zod";
import { hasEnded } from "../../shared/domain/deployment.ts";
import { PermanentError, TransientError } from "../../shared/domain/errors.ts";
import type { OutgoingMessage } from "../../shared/ports/message-bus.ts";
import type { Notifier } from "../../shared/ports/notifier.ts";
import { createConsumers } from "../../shared/steps/consumers.ts";
import type { Delivery } from "../fakes/fake-bus.ts";
import { openOffice } from "../support/dead-letter-office.ts";
import { createWorld, type VersionFate, type World } from "./world.ts";

/** More than the bus remembers message ids for. */
const PAST_WINDOW_MS = 660_000;

/** What no replay may change. */
function standing(world: World) {
  return structuredClone({
    endings: world.endings(),
    history: world.store.visits(),
    target: world.target(),
    objects: world.cluster.objects(),
    changes: world.cluster.changes().length,
    builds: world.builder.builds().length,
    told: [...new Set(world.told.map(({ id }) => id))].sort(),
    poisoned: world.bus.poisoned(),
  });
}

const which = z.looseObject({ generation: z.number() });

/** Six messages of the last promotion's story: its wish, four steps of it, and what was told of it. */
function sixLetters(world: World): readonly OutgoingMessage[] {
  const { generation } = world.endings().at(-1) ?? {};
  const sent = world.bus.sent();
  const own = sent.filter(({ body }) => which.safeParse(body).data?.generation === generation);
  const first = (queue: string) => own.find((message) => message.queue === queue);
  const last = (queue: string) => own.findLast((message) => message.queue === queue && !message.id.includes("prune"));
  const steps = [first("validate"), last("build"), first("rollout"), last("rollback") ?? last("verify")];
  const six = [sent.findLast(({ queue }) => queue === "promotions"), ...steps, first("notify")];
  const letters = six.filter((message) => message !== undefined);
  expect(new Set(letters.map(({ id }) => id)).size).toBe(6);
  return letters;
}

function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length < 2) return [items];
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}

const STORIES: Readonly<Record<string, Readonly<Record<string, VersionFate>>>> = {
  "a promotion that is live": {},
  "a promotion that was rolled back": { "2": "crash" },
};

describe.each(Object.entries(STORIES))("six dead letters of %s", (_name, fates) => {
  const play = async () => {
    const world = createWorld({ fates });
    await world.deploy("1");
    await world.deploy("2");
    await world.run();
    expect(world.endings().every(hasEnded)).toBe(true);
    return { world, letters: sixLetters(world), before: standing(world) };
  };

  it("change nothing, in whatever order and from whichever place each is replayed, twice", async () => {
    const { world, letters, before } = await play();
    for (const order of permutations(letters)) {
      const { office, deadLetters } = openOffice(world);
      for (const place of ["poison", "dead-letter"] as const) {
        const references = order.map(({ id, ...message }) => deadLetters.put({ ...message, place, messageId: id }));
        for (const reference of references)
          expect(await office.replay(reference, "Ada")).toMatchObject({ result: "replayed" });
        await world.run();
      }
      world.wait(PAST_WINDOW_MS);
    }
    expect(standing(world)).toEqual(before);
  });

  it("change nothing when all are replayed at once and handed over in any order", async () => {
    const { world, letters, before } = await play();
    for (let seed = 1; seed <= 20; seed++) {
      const { office, deadLetters } = openOffice(world);
      for (const { id, ...message } of letters) deadLetters.put({ ...message, place: "poison", messageId: id });
      expect(await office.replayAll("Ada")).toMatchObject({ replayed: 6, more: false });
      const messages = takeAll(world);
      expect(messages).toHaveLength(6);
      for (const message of shuffled(messages, seed)) await world.handOver(world.spawn(), message);
      await world.run();
      world.wait(PAST_WINDOW_MS);
    }
    expect(standing(world)).toEqual(before);
  });

  it("change nothing when the Azure Portal sends them again as they were, at once or much later", async () => {
    const { world, letters, before } = await play();
    for (const order of permutations(letters)) {
      await world.bus.send(order);
      await world.run();
      world.wait(PAST_WINDOW_MS);
    }
    expect(standing(world)).toEqual(before);
  });

  it("come to the same ending when all that was sent so far is replayed in the middle of the story", async () => {
    const { before } = await play();
    for (let at = 1; at <= 40; at++) {
      const world = createWorld({ fates });
      await world.deploy("1");
      await world.promote("2");
      let turns = 0;
      await world.run(undefined, () => turns++ >= at);
      const { office, deadLetters } = openOffice(world);
      for (const { id, queue, body } of world.bus.sent().slice())
        deadLetters.put({ place: "dead-letter", queue, body, messageId: id });
      while ((await office.replayAll("Ada")).more);
      await world.run();
      expect({ at, ...outcome(standing(world)) }).toEqual({ at, ...outcome(before) });
    }
  });
});

/** Every message that is due. */
function takeAll(world: World): readonly Delivery[] {
  const next = world.bus.take(world.now());
  return next === undefined ? [] : [next, ...takeAll(world)];
}

/** What is the same however long a story took. */
function outcome({ endings, target, objects, builds, told }: ReturnType<typeof standing>) {
  return {
    endings: endings.map(({ phase, model }) => `${model.version} ${phase}`),
    stable: target?.stable?.model.version,
    active: target?.active,
    objects: objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort(),
    builds,
    told: told.length,
  };
}

function shuffled<T>(items: readonly T[], seed: number): readonly T[] {
  let state = seed * 7919;
  const next = () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state;
  };
  return items
    .map((item) => ({ item, at: next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

describe("a promotion that is replayed long after its deployment ended", () => {
  it.each<[fate: VersionFate, ending: string]>([
    ["crash", "RolledBack"],
    ["wrong", "RolledBack"],
    ["build-broken", "Failed"],
    ["build-service", "Failed"],
    ["good", "Succeeded"],
  ])("is not deployed again: %s", async (fate, ending) => {
    const world = createWorld({ fates: { "2": fate } });
    await world.deploy("1");
    await world.deploy("2");
    expect(world.endings()[1]?.phase).toBe(ending);
    const wish = world.bus.sent().findLast(({ queue }) => queue === "promotions");
    if (wish === undefined) throw new Error("nothing was promoted");
    const before = standing(world);
    const { office, deadLetters } = openOffice(world);
    for (const wait of [0, PAST_WINDOW_MS, 14 * 86_400_000]) {
      world.wait(wait);
      deadLetters.put({ place: "dead-letter", queue: wish.queue, messageId: wish.id, body: wish.body });
      expect((await office.list(10)).groups[0]?.letters[0]?.wouldDo.code).toBe("repeat");
      expect(await office.replayAll("Ada")).toMatchObject({ replayed: 1 });
      await world.run();
      expect(standing(world)).toEqual(before);
    }
  });

  it("does not bring back a version that others came after", async () => {
    const world = createWorld();
    await world.deploy("2");
    const wish = world.bus.sent().findLast(({ queue }) => queue === "promotions");
    await world.deploy("3");
    const before = standing(world);
    const { office, deadLetters } = openOffice(world);
    deadLetters.put({ place: "poison", queue: "promotions", messageId: wish?.id ?? "", body: wish?.body });
    world.wait(PAST_WINDOW_MS);
    expect(await office.replayAll("Ada")).toMatchObject({ replayed: 1 });
    await world.run();
    expect(standing(world)).toEqual(before);
  });
});

describe("a notifier that did not take an ending", () => {
  /** A world in which notifier `webhook` fails so, until it is mended. */
  const withNotifier = async (error: Error) => {
    const world = createWorld();
    const { dependencies } = world.spawn();
    const told: string[] = [];
    let broken = true;
    const webhook: Notifier = {
      notify: async ({ id }) => {
        if (broken) throw error;
        told.push(id);
      },
    };
    const consumers = createConsumers({ ...dependencies, notifiers: { ...dependencies.notifiers, webhook } });
    await world.promote("1");
    await world.run({ ...world.spawn(), consumers });
    const { office, deadLetters } = openOffice(world);
    const aside = z.object({ queue: z.string(), messageId: z.string(), reason: z.string(), body: z.unknown() });
    for (const poisoned of world.bus.poisoned()) deadLetters.put({ place: "poison", ...aside.parse(poisoned) });
    return {
      world,
      office,
      deadLetters,
      told,
      mend: () => {
        broken = false;
      },
      run: () => world.run({ ...world.spawn(), consumers }),
    };
  };

  it.each<[why: string, error: Error, cause: string]>([
    ["refused it", new PermanentError("access-denied", "The webhook answered 403."), "refused"],
    ["was away for ten hours", new TransientError("unreachable", "The webhook gave no answer."), "tried-too-long"],
  ])("is told when it is mended and the letter is replayed: it %s", async (_why, error, cause) => {
    const { world, office, told, mend, run } = await withNotifier(error);
    expect(world.endings()).toMatchObject([{ phase: "Succeeded" }]);
    expect((await office.list(10)).groups).toMatchObject([
      { cause, count: 1, letters: [{ queue: "notify", reason: expect.stringContaining(error.message) }] },
    ]);
    mend();
    expect(await office.replayAll("Ada")).toMatchObject({ replayed: 1 });
    await run();
    const ended = world.endings()[0];
    expect(told).toEqual([`churn.${ended?.generation}/${ended?.sequence}`]);
    expect(world.bus.poisoned()).toHaveLength(1);
  });

  it("gets all its tries again with the replay", async () => {
    const error = new TransientError("unreachable", "The webhook gave no answer.");
    const { world, office, run } = await withNotifier(error);
    const tries = () => world.logged.filter(({ event }) => event === "step.rescheduled").length;
    expect(tries()).toBe(70);
    await office.replayAll("Ada");
    await run();
    expect(tries()).toBe(140);
    expect(world.bus.poisoned()).toHaveLength(2);
  });
});
