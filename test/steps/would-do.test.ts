import { describe, expect, it } from "vitest";
import type { Cause, WouldDo } from "../../shared/domain/dead-letter.ts";
import { TransientError } from "../../shared/domain/errors.ts";
import { failed } from "../../shared/domain/problem.ts";
import type { Target } from "../../shared/domain/target.ts";
import { createWorld, type World } from "../pipeline/world.ts";
import { openOffice } from "../support/dead-letter-office.ts";

const newest = (world: World) => {
  const deployment = world.endings().at(-1);
  if (deployment === undefined) throw new Error("there is no deployment");
  return deployment;
};
const atStep = (step: string) => (world: World) => {
  const last = world.endings().at(-1);
  return last?.phase === "Running" && last.step === step;
};
const isEarly = (world: World) => {
  const last = world.endings().at(-1);
  return last?.phase === "Running" && last.resumeAt > world.now() + 1_500;
};
/** Promotes and stops where the condition holds first. */
const promoteUntil = async (world: World, version: string, until: (world: World) => boolean) => {
  await world.promote(version);
  await world.run(undefined, () => until(world));
};
const stepMessage = (world: World, behind = 0) => {
  const { target, generation, sequence } = newest(world);
  return { queue: "verify", body: { target, generation, sequence: sequence - behind } };
};
const wish = (version: string, changes: object = {}) => ({
  queue: "promotions",
  body: {
    id: `letter-${version}`,
    model: "churn-classifier",
    pointer: { kind: "alias", alias: "champion" },
    version,
    wishedAt: 1_790_000_000_500,
    origin: { kind: "webhook", deliveryId: "letter", event: "model_version_alias.created" },
    ...changes,
  },
});
/** Somebody writes the target's row by hand. */
const rewrite = async (world: World, change: (target: Target) => Target) => {
  const { record } = await world.store.readTarget("churn");
  if (record === undefined) throw new Error("there is no target");
  const value = change(record.value);
  await world.store.save({ target: "churn", record: { value, etag: record.etag }, deployments: [], visits: [] });
};
const free = ({ active: _active, ...target }: Target): Target => target;
const held = (target: Target): Target => ({
  ...target,
  hold: { reason: failed("foreign-change", "Somebody changed it."), since: 1_790_000_000_000, generation: 1 },
});
/** Version 1 is live; version 2 waits while version 3 is verified… */
const whileWaiting = async (world: World) => {
  await world.deploy("1");
  await promoteUntil(world, "2", atStep("verify"));
  await promoteUntil(world, "3", () => newest(world).phase === "Waiting");
};

interface Letter {
  queue: string;
  body: unknown;
}
interface Situation {
  /** What the dry run says. */
  code: WouldDo["code"];
  says: RegExp;
  world?: Parameters<typeof createWorld>[0];
  /** Brings the world there and gives the letter that lies there. */
  letter: (world: World) => Promise<Letter>;
}

const SITUATIONS: Readonly<Record<string, Situation>> = {
  "a visit that is due": {
    code: "visit",
    says: /^The step build of churn\.\d+ would be visited now\.$/,
    letter: async (world) => {
      await promoteUntil(world, "1", atStep("build"));
      return stepMessage(world);
    },
  },
  "a visit that is not due yet": {
    code: "schedule",
    says: /too early: the step rollout of churn\.\d+ is due at 2026-09-21T14:\d\d:\d\d/,
    letter: async (world) => {
      await promoteUntil(world, "1", isEarly);
      return stepMessage(world);
    },
  },
  "a visit that was made": {
    code: "send-again",
    says: /is Running at sequence \d+, in the step build: what it owes would be sent again to build\.$/,
    letter: async (world) => {
      await promoteUntil(world, "1", atStep("build"));
      return stepMessage(world, 1);
    },
  },
  "the visit that ended it": {
    code: "send-again",
    says: /is Succeeded at sequence \d+: what it owes would be sent again to notify and rollback\.$/,
    letter: async (world) => {
      await world.deploy("1");
      return stepMessage(world, 1);
    },
  },
  "a visit that others are past": {
    code: "nothing",
    says: /^Nothing: the message is for sequence 1, and churn\.\d+ is Running at sequence \d+, in the step rollout\.$/,
    letter: async (world) => {
      await promoteUntil(world, "1", atStep("rollout"));
      const { target, generation } = newest(world);
      return { queue: "build", body: { target, generation, sequence: 1 } };
    },
  },
  "a visit of a deployment that has ended": {
    code: "nothing",
    says: /is RolledBack at sequence \d+\.$/,
    world: { fates: { "2": "crash" } },
    letter: async (world) => {
      await world.deploy("1");
      await world.deploy("2");
      return stepMessage(world, 2);
    },
  },
  "a visit of a save that a restored table has lost": {
    code: "nothing",
    says: /^Nothing: the message is for sequence \d+/,
    letter: async (world) => {
      await promoteUntil(world, "1", atStep("build"));
      return stepMessage(world, -5);
    },
  },
  "a visit of no deployment": {
    code: "nothing",
    says: /^Nothing: there is no deployment churn\.7\.$/,
    letter: async (world) => {
      await world.deploy("1");
      return { queue: "validate", body: { target: "churn", generation: 7, sequence: 1 } };
    },
  },
  "a visit on no target": {
    code: "nothing",
    says: /^Nothing: there is no deployment it's; drop'\.7\.$/,
    letter: async () => ({ queue: "validate", body: { target: "it's; drop'", generation: 7, sequence: 1 } }),
  },
  "a deployment that waits": {
    code: "schedule",
    says: /^churn\.\d+ waits for the ending of churn\.\d+; the message would be scheduled/,
    letter: async (world) => {
      await whileWaiting(world);
      return stepMessage(world);
    },
  },
  "a deployment that has waited": {
    code: "start",
    says: /^churn\.\d+ has waited and would start now/,
    letter: async (world) => {
      await whileWaiting(world);
      await rewrite(world, free);
      return stepMessage(world);
    },
  },
  "a deployment that has waited for a target that is held now": {
    code: "refuse",
    says: /^churn\.\d+ would end Rejected: The target is held since/,
    letter: async (world) => {
      await whileWaiting(world);
      await rewrite(world, (target) => held(free(target)));
      return stepMessage(world);
    },
  },
  "a promotion of what is not wanted yet": {
    code: "accept",
    says: /^churn-classifier version 2 would be accepted on churn, and be deployed\.$/,
    letter: async (world) => {
      await world.deploy("1");
      world.registry.setAlias("churn-classifier", "champion", "2");
      return wish("2");
    },
  },
  "a promotion while another one changes the target": {
    code: "accept",
    says: /and wait for the deployment that is changing it\.$/,
    letter: async (world) => {
      await world.deploy("1");
      await promoteUntil(world, "2", atStep("verify"));
      world.registry.setAlias("churn-classifier", "champion", "3");
      return wish("3");
    },
  },
  "a promotion of what is wanted": {
    code: "repeat",
    says: /^churn-classifier version 1 is wanted on churn already: churn\.\d+ is Succeeded/,
    letter: async (world) => {
      await world.deploy("1");
      return wish("1");
    },
  },
  "a promotion to a target that is held": {
    code: "refuse",
    says: /^churn-classifier version 2 would be refused on churn: The target is held since/,
    letter: async (world) => {
      await world.deploy("1");
      await rewrite(world, held);
      world.registry.setAlias("churn-classifier", "champion", "2");
      return wish("2");
    },
  },
  "a promotion of a version that failed after it": {
    code: "refuse",
    says: /^churn-classifier version 2 would be refused on churn: This version failed here/,
    world: { fates: { "2": "crash" } },
    letter: async (world) => {
      await world.deploy("1");
      await world.deploy("2");
      await world.deploy("3");
      world.registry.setAlias("churn-classifier", "champion", "2");
      return wish("2");
    },
  },
  "a promotion of an alias that is gone, where the policy ignores it": {
    code: "nothing",
    says: /^Nothing on churn: .*points to no version/,
    world: { policy: { missing: "ignore" } },
    letter: async () => wish("2"),
  },
  "a promotion that no target follows": {
    code: "nothing",
    says: /^Nothing: no target follows the alias challenger of churn-classifier\.$/,
    letter: async () => wish("2", { pointer: { kind: "alias", alias: "challenger" } }),
  },
  "a promotion to another target": {
    code: "nothing",
    says: /^Nothing: no target follows/,
    letter: async (world) => {
      world.registry.setAlias("churn-classifier", "champion", "2");
      return wish("2", { target: "fraud" });
    },
  },
  "an ending that was told": {
    code: "tell",
    says: /^The notifier webhook would be told how churn\.\d+ ended \(Succeeded\)\. It was told before/,
    letter: async (world) => {
      await world.deploy("1");
      return { queue: "notify", body: { ...stepMessage(world).body, notifier: "webhook" } };
    },
  },
  "an ending that was not told": {
    code: "tell",
    says: /^The notifier slack would be told .* It was not told yet\.$/,
    letter: async (world) => {
      await world.deploy("1");
      return { queue: "notify", body: { ...stepMessage(world).body, notifier: "slack" } };
    },
  },
  "an ending that is none": {
    code: "nothing",
    says: /^Nothing: churn\.\d+ has not ended\.$/,
    letter: async (world) => {
      await promoteUntil(world, "1", atStep("build"));
      return { queue: "notify", body: { ...stepMessage(world).body, notifier: "log" } };
    },
  },
  "the ending of no deployment": {
    code: "nothing",
    says: /^Nothing: there is no deployment churn\.7\.$/,
    letter: async () => ({
      queue: "notify",
      body: { target: "churn", generation: 7, sequence: 1, notifier: "log" },
    }),
  },
  "a daily check's findings": {
    code: "tell",
    says: /^The notifier log would be told what the daily check of 2026-09-21 found on churn/,
    letter: async (world) => {
      await world.store.saveReport({ target: "churn", day: "2026-09-21", at: world.now(), findings: ["no pods"] });
      return { queue: "notify", body: { target: "churn", report: "2026-09-21", notifier: "log" } };
    },
  },
  "findings of a day without a check": {
    code: "nothing",
    says: /^Nothing: it is not recorded what the daily check of 2026-09-20/,
    letter: async () => ({ queue: "notify", body: { target: "churn", report: "2026-09-20", notifier: "log" } }),
  },
  "a look at what was left behind": {
    code: "look",
    says: /^What churn\.\d+ and older deployments left behind would be looked for again/,
    letter: async (world) => {
      await world.deploy("1");
      return { queue: "rollback", body: { ...stepMessage(world).body, look: "prune" } };
    },
  },
  "a look where nothing is stable": {
    code: "nothing",
    says: /^Nothing: without a stable release/,
    world: { fates: { "1": "crash" } },
    letter: async (world) => {
      await world.deploy("1");
      return { queue: "rollback", body: { ...stepMessage(world).body, look: "prune" } };
    },
  },
  "a look at a deployment that has not ended": {
    code: "nothing",
    says: /^Nothing: there is no ended deployment churn\.\d+\.$/,
    letter: async (world) => {
      await promoteUntil(world, "1", atStep("build"));
      return { queue: "rollback", body: { ...stepMessage(world).body, look: "prune" } };
    },
  },
  "a daily check": {
    code: "look",
    says: /^What churn serves would be looked at for the check of 2026-09-21; nothing is changed\.$/,
    letter: async (world) => {
      await world.deploy("1");
      return { queue: "verify", body: { target: "churn", look: "daily-check", day: "2026-09-21", looks: 0 } };
    },
  },
  "a daily check of a target that runs nothing": {
    code: "nothing",
    says: /^Nothing: churn has no stable release to check\.$/,
    letter: async () => ({
      queue: "verify",
      body: { target: "churn", look: "daily-check", day: "2026-09-21", looks: 0 },
    }),
  },
};

/** What a world is, as far as a message can change it. */
function standing(world: World) {
  return {
    records: world.endings().map(({ generation, sequence, phase }) => `${generation} ${sequence} ${phase}`),
    sent: world.bus.sent().length,
    told: world.told.length,
    changes: world.cluster.changes().length,
  };
}
type Standing = ReturnType<typeof standing>;
const asBefore = ({ records }: Standing) => records;

/** What handing a message over must come to for each thing that a dry run says. */
const COMES_TO: Readonly<Partial<Record<WouldDo["code"], (before: Standing, after: Standing, world: World) => void>>> =
  {
    visit: (before, after) => {
      expect(after.records).toHaveLength(before.records.length);
      expect(after.records).not.toEqual(before.records);
    },
    schedule: (before, after, world) => {
      expect(after).toEqual({ ...before, sent: before.sent + 1 });
      expect(world.bus.sent().at(-1)?.at).toBeGreaterThan(world.now());
    },
    start: (_before, _after, world) => expect(newest(world)).toMatchObject({ phase: "Running", step: "validate" }),
    "send-again": (before, after) => {
      expect(asBefore(after)).toEqual(asBefore(before));
      expect(after.sent).toBeGreaterThan(before.sent);
    },
    accept: (before, after, world) => {
      expect(after.records.length).toBe(before.records.length + 1);
      expect(newest(world).phase).toMatch(/^(Running|Waiting)$/);
    },
    refuse: (_before, _after, world) => expect(newest(world).phase).toBe("Rejected"),
    repeat: (before, after) => expect(asBefore(after)).toEqual(asBefore(before)),
    tell: (before, after) => expect(after).toEqual({ ...before, told: before.told + 1 }),
    look: (before, after) => expect(asBefore(after)).toEqual(asBefore(before)),
    nothing: (before, after) => expect(after).toEqual(before),
  };

/** A world in that situation, with the one letter that lies there. */
async function openSituation({ world: options, letter }: Situation) {
  const world = createWorld(options);
  const made = await letter(world);
  const { office, deadLetters, dependencies } = openOffice(world);
  const reference = deadLetters.put({ place: "poison", messageId: "id", reason: "refused: no.", ...made });
  return { world, office, deadLetters, dependencies, reference, made };
}

describe.each(Object.entries(SITUATIONS))("the dry run of %s", (_name, situation) => {
  it("says what it would do, and changes nothing", async () => {
    const { world, office, deadLetters } = await openSituation(situation);
    const before = { ...standing(world), letters: structuredClone(deadLetters.all()) };
    const [group] = (await office.list(10)).groups;
    expect(group?.letters[0]?.wouldDo).toEqual({ code: situation.code, text: expect.stringMatching(situation.says) });
    expect({ ...standing(world), letters: deadLetters.all() }).toEqual(before);
  });

  it("is what handing it over comes to", async () => {
    const { world, office, reference } = await openSituation(situation);
    const sent = world.bus.sent().length;
    expect(await office.replay(reference, "Ada")).toMatchObject({ result: "replayed" });
    const message = world.bus.sent()[sent];
    if (message === undefined) throw new Error("nothing was sent");
    const before = standing(world);
    await world.handOver(world.spawn(), { ...message, id: message.id });
    const check = COMES_TO[situation.code];
    expect(check).toBeDefined();
    check?.(before, standing(world), world);
  });
});

describe("a dry run that cannot find out", () => {
  const down = new TransientError("unreachable", "MLflow gave no answer.");
  const groupOf = async ({ office }: Awaited<ReturnType<typeof openSituation>>) => (await office.list(10)).groups[0];

  it("says so when the registry does not answer", async () => {
    const opened = await openSituation({ code: "unknown", says: /./, letter: async () => wish("2") });
    opened.world.registry.resolve = () => Promise.reject(down);
    expect((await groupOf(opened))?.letters[0]?.wouldDo).toEqual({
      code: "unknown",
      text: "What it would do cannot be found out now: MLflow gave no answer.",
    });
  });

  it("says so when the table does not answer", async () => {
    const opened = await openSituation({
      code: "unknown",
      says: /./,
      letter: async (world) => {
        await world.deploy("1");
        return stepMessage(world);
      },
    });
    opened.world.store.readDeployment = () => Promise.reject(new TransientError("unreachable", "No table."));
    expect((await groupOf(opened))?.letters[0]?.wouldDo).toMatchObject({ code: "unknown" });
  });

  it("hides no defect", async () => {
    const opened = await openSituation({ code: "unknown", says: /./, letter: async () => wish("2") });
    const defect = new RangeError("a defect");
    opened.world.registry.resolve = () => Promise.reject(defect);
    await expect(opened.office.list(10)).rejects.toBe(defect);
  });
});

describe("a body that cannot be read", () => {
  it.each<[what: string, queue: string, body: unknown, says: RegExp]>([
    ["text", "validate", "not JSON", /Invalid input: expected object, received string/],
    ["nothing", "validate", undefined, /expected object/],
    ["a step without its target", "build", { generation: 1, sequence: 1 }, /target: Invalid input/],
    ["a number as text", "build", { target: "churn", generation: "1", sequence: 1 }, /generation: /],
    [
      "an unknown look",
      "rollback",
      { target: "churn", generation: 1, sequence: 1, look: "inside" },
      /Belay cannot read it/,
    ],
    [
      "an unknown notifier",
      "notify",
      { target: "churn", generation: 1, sequence: 1, notifier: "fax" },
      /Belay cannot read/,
    ],
    ["a promotion on a step's queue", "validate", wish("1").body, /target: /],
    ["anything in a queue without a function", "poison", { hello: 1 }, /which queue it was for/],
    ["a queue that is a member of every object", "constructor", { hello: 1 }, /which queue it was for/],
  ])("would not be sent again, and says why: %s", async (_what, queue, body, says) => {
    const { office, reference, deadLetters, world } = await openSituation({
      code: "unreadable",
      says,
      letter: async () => ({ queue, body }),
    });
    const [group] = (await office.list(10)).groups;
    const would = group?.letters[0]?.wouldDo;
    expect(would).toEqual({ code: "unreadable", text: expect.stringMatching(says) });
    expect(await office.replay(reference, "Ada")).toMatchObject({ result: "kept", text: expect.stringMatching(says) });
    expect(deadLetters.all()).toHaveLength(1);
    expect(world.bus.sent()).toEqual([]);
  });

  it.each<[place: "poison" | "dead-letter", reason: string, cause: Cause]>([
    ["poison", "", "unreadable"],
    ["poison", "a reason of an older version", "unreadable"],
    ["poison", "refused: too large to be kept whole", "refused"],
    ["dead-letter", "MaxDeliveryCountExceeded", "delivery-count-exceeded"],
    ["dead-letter", "", "other"],
  ])("lies in %s for the reason '%s' among what is %s", async (place, reason, cause) => {
    const { office, deadLetters } = openOffice(createWorld());
    deadLetters.put({ place, queue: "validate", messageId: "id", body: "?", reason });
    expect((await office.list(10)).groups.map((group) => group.cause)).toEqual([cause]);
  });
});
