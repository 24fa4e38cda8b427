import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { hasEnded } from "../../shared/domain/deployment.ts";
import { listDeployments } from "../../shared/steps/read-deployments.ts";
import type { Delivery } from "../fakes/fake-bus.ts";
import type { World } from "../pipeline/world.ts";
import { cases, eachCase, pace, SEED, Tally, tell } from "./fuzz.ts";
import { type MessageCase, spoilMessage } from "./message-cases.ts";
import { checkEndings, outcomeOf, STORIES, type Story, tellStory } from "./stories.ts";

const MESSAGES = cases(48_000, 1_500);
const BODIES = cases(2_000, 200);
/** So many are handed over at once, at one point of one story. */
const AT_ONCE = 100;

/** A story as it goes when nobody interferes. */
interface Told {
  story: Story;
  turns: number;
  outcome: ReturnType<typeof outcomeOf>;
  messages: readonly Delivery[];
}

const told: Told[] = [];
beforeAll(async () => {
  for (const story of STORIES) {
    const { world, turns } = await tellStory(story, 0, async () => undefined);
    checkEndings(world, story);
    told.push({ story, turns, outcome: outcomeOf(world), messages: [...world.bus.sent()] });
  }
});

/** Everything that a message must not change by itself. */
function stateOf({ store, cluster }: World): string {
  return JSON.stringify([store.targets(), store.deployments(), cluster.objects(), cluster.changes()]);
}

/** Says whether anything has changed since it was asked last; looks only where something was written at all. */
function watch(world: World): () => boolean {
  const writes = () => `${world.store.counts.writes} ${world.cluster.changes().length}`;
  let [written, state] = [writes(), stateOf(world)];
  return () => {
    if (writes() === written) return false;
    const before = state;
    [written, state] = [writes(), stateOf(world)];
    return state !== before;
  };
}

const HARMLESS = new Set(["step.stale", "promotion.repeated", "promotion.unfollowed", "notification.sent"]);
/** What only a message may bring about that says what one of the story's own says, or wishes anew. */
const OWN = new Map([
  ["promotion.accepted", "another wish"],
  ["step.visited", "the next visit"],
  ["deployment.ended", "the next visit"],
  ["deployment.pruned", "pruned"],
]);

/** Hands a message over, and says what became of it; fails where it changed what it may not. */
async function handOver(world: World, { kind, delivery }: MessageCase, hasChanged: () => boolean): Promise<string> {
  const poisoned = world.bus.poisoned().length;
  const logged = world.logged.length;
  await world.handOver(world.spawn(), delivery);
  const changed = hasChanged();
  const events = world.logged.slice(logged).map(({ event }) => event);
  if (world.bus.poisoned().length > poisoned) {
    checkPoison(world, poisoned, delivery);
    expect(changed).toBe(false);
    return "set aside";
  }
  const own = events.map((event) => OWN.get(event)).find((one) => one !== undefined);
  if (own !== undefined) return own;
  if (changed) expect.fail(`${kind}: something changed by ${JSON.stringify(delivery).slice(0, 500)}`);
  const harmless = events.find((event) => HARMLESS.has(event));
  if (events.length > 0 && harmless === undefined) expect.fail(`${kind}: unexpected ${events.join(", ")}`);
  return harmless ?? "sent again what is owed";
}

/** One poison message, with a reason, and an identity that the bus takes. */
function checkPoison(world: World, before: number, { queue }: Delivery): void {
  expect(world.bus.poisoned()).toHaveLength(before + 1);
  expect(world.bus.poisoned()[before]).toMatchObject({ queue, reason: expect.stringMatching(/\S/) });
}

describe("a message that is not what it should be", () => {
  it("is set aside with a reason or harmless, and the story goes on as if it had never been", async () => {
    const kinds = new Tally();
    const became = new Tally();
    const began = performance.now();
    await eachCase(MESSAGES / AT_ONCE, async (random) => {
      const { story, turns, outcome, messages } = random.pick(told);
      let wishes = 0;
      const { world } = await tellStory(story, random.below(turns + 2), async (interrupted) => {
        const hasChanged = watch(interrupted);
        for (let count = 0; count < AT_ONCE; count++) {
          const spoiled = spoilMessage(random, messages, count);
          const found = await handOver(interrupted, spoiled, hasChanged);
          kinds.add(spoiled.kind);
          became.add(found);
          if (found === "another wish") wishes += 1;
        }
      });
      checkEndings(world, story);
      // Whoever looks at the list sees all of them.
      const listed = await listDeployments(world.store, { target: "churn", limit: 100, now: world.now() });
      expect(listed).toHaveLength(world.endings().length);
      expect(world.endings().filter((one) => !hasEnded(one))).toEqual([]);
      // Another wish is another deployment, of the version that the registry names.
      if (wishes === 0) expect(outcomeOf(world)).toEqual(outcome);
    });
    tell(`messages: spoiled ${pace(MESSAGES, began)}; by kind: ${kinds}; became: ${became}`);
  });
});

describe("anything at all on a queue", () => {
  it("changes nothing where everything is at rest, and is not thrown back", async () => {
    const crashes = told.find(({ story }) => story.name === "the second crashes") ?? expect.fail("no such story");
    const { world } = await tellStory(crashes.story, 0, async () => undefined);
    const generations = world.endings().map(({ generation }) => generation);
    const [before, hasChanged] = [stateOf(world), watch(world)];
    const became = new Tally();
    let number = 0;
    const began = performance.now();
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...queuesOf(crashes)), anyBody(generations), async (queue, body) => {
        number += 1;
        const delivery = { queue, id: `any-${number}`, body };
        became.add(await handOver(world, { kind: "anything", delivery }, hasChanged));
      }),
      { numRuns: BODIES, seed: SEED },
    );
    expect(stateOf(world)).toBe(before);
    tell(`messages: bodies of any kind ${pace(BODIES, began)}; became: ${became}`);
  });
});

function queuesOf({ messages }: Told): string[] {
  return [...new Set(messages.map(({ queue }) => queue))];
}

/** Any JSON, and records that are almost messages about these deployments. */
function anyBody(generations: readonly number[]): fc.Arbitrary<unknown> {
  const json = fc.jsonValue({ maxDepth: 4, stringUnit: "binary" });
  const almost = fc.record(
    {
      target: fc.oneof(fc.constant("churn"), fc.string({ unit: "binary" })),
      generation: fc.oneof(fc.constantFrom(...generations), fc.integer(), fc.double()),
      sequence: fc.oneof(fc.nat(60), json),
      look: fc.oneof(fc.constant("prune"), json),
      notifier: fc.oneof(fc.constantFrom("log", "webhook", "slack"), json),
      attempt: fc.oneof(fc.nat(75), json),
      more: json,
    },
    { requiredKeys: ["target", "generation", "sequence"] },
  );
  return fc.oneof(json, almost);
}
