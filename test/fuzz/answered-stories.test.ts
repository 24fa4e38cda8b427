import { beforeAll, expect, it } from "vitest";
import { hasEnded } from "../../shared/domain/deployment.ts";
import type { World } from "../pipeline/world.ts";
import { cases, eachCase, pace, Tally, tell } from "./fuzz.ts";
import type { Random } from "./random.ts";
import { type Call, interpose, spoilCall } from "./spoiled-world.ts";
import { cameOut, checkEndings, outcomeOf, STORIES, type Story, tellStory } from "./stories.ts";

const TOLD = cases(500, 40);
const SWEEP_MS = 15 * 60_000;

/** A story as it goes undisturbed, with every call it makes. */
interface Told {
  story: Story;
  outcome: ReturnType<typeof outcomeOf>;
  calls: readonly string[];
}

const told: Told[] = [];
beforeAll(async () => {
  for (const story of STORIES) {
    const calls: string[] = [];
    const { world } = await tellStory(story, 1, async (interrupted) =>
      interpose(interrupted, ({ port, member, proceed }) => {
        calls.push(`${port}.${member}`);
        return proceed();
      }),
    );
    told.push({ story, outcome: outcomeOf(world), calls });
  }
});

/** Which calls are answered with a spoiled answer: one, some, or from one on all of its kind. */
function choose(random: Random, { calls }: Told): { how: string; isSpoiled: (call: Call, number: number) => boolean } {
  const at = random.below(calls.length);
  const how = random.pick(["once", "once", "now and then", "from then on"]);
  if (how === "once") return { how, isSpoiled: (_call, number) => number === at };
  if (how === "now and then") return { how, isSpoiled: () => random.chance(0.05) };
  const kind = calls[at];
  return { how, isSpoiled: ({ port, member }, number) => number >= at && `${port}.${member}` === kind };
}

it("a story in which answers are spoiled ends right, as errored, or where a person is told", async () => {
  const became = new Tally();
  const spoiled = new Tally();
  const began = performance.now();
  await eachCase(TOLD, async (random) => {
    const one = random.pick(told);
    const { how, isSpoiled } = choose(random, one);
    let [number, met, calm] = [0, 0, false];
    const { world } = await tellStory(one.story, 1, async (interrupted) =>
      interpose(interrupted, (call) => {
        number += 1;
        if (calm || !isSpoiled(call, number - 1)) return call.proceed();
        met += 1;
        spoiled.add(call.port);
        return spoilCall(random, call);
      }),
    );
    if (met === 0) return false;
    checkEndings(world, one.story);
    became.add(`${how}: ${cameOut(world, one.outcome)}`);
    calm = true;
    await sweepUp(world);
    checkEndings(world, one.story);
    return true;
  });
  tell(`answers: stories ${pace(TOLD, began)}; spoiled answers by port: ${spoiled}; became: ${became}`);
});

/** What was set aside, or lost, is found by the timers; in the end nothing is left open. */
async function sweepUp(world: World): Promise<void> {
  for (let round = 0; round < 100 && world.endings().some((one) => !hasEnded(one)); round++) {
    world.wait(SWEEP_MS);
    await world.tick("sweep");
  }
  expect(world.endings().filter((one) => !hasEnded(one))).toEqual([]);
}
