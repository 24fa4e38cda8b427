import { isDeepStrictEqual } from "node:util";
import { expect } from "vitest";
import { type Deployment, hasEnded } from "../../shared/domain/deployment.ts";
import type { ProblemCode } from "../../shared/domain/problem.ts";
import { ANNOTATIONS } from "../../shared/domain/release.ts";
import { createWorld, type VersionFate, type World, type WorldOptions } from "../pipeline/world.ts";

/** Lets everything come to rest, or to where `until` holds. */
type Rest = (until?: () => boolean) => Promise<void>;

/** One course of things, the same at every telling. */
export interface Story {
  name: string;
  options: WorldOptions;
  tell(world: World, rest: Rest): Promise<void>;
}

const oneByOne =
  (...versions: readonly string[]): Story["tell"] =>
  async (world, rest) => {
    for (const version of versions) {
      await world.promote(version);
      await rest();
      world.wait(1_000);
    }
  };

export const STORIES: readonly Story[] = [
  { name: "one goes live", options: {}, tell: oneByOne("1") },
  { name: "one after the other", options: {}, tell: oneByOne("1", "2") },
  { name: "the second crashes", options: { fates: { "2": "crash" } }, tell: oneByOne("1", "2") },
  { name: "the second predicts wrongly", options: { fates: { "2": "wrong" } }, tell: oneByOne("1", "2", "3") },
  { name: "the second is unhealthy", options: { fates: { "2": "unhealthy" } }, tell: oneByOne("1", "2") },
  { name: "the first crashes", options: { fates: { "1": "crash" } }, tell: oneByOne("1") },
  { name: "the second cannot be built", options: { fates: { "2": "build-broken" } }, tell: oneByOne("1", "2") },
  {
    name: "the second comes before the first change",
    options: {},
    tell: async (world, rest) => {
      await world.promote("1");
      await rest(() => world.builder.builds().length === 1);
      await world.promote("2");
      await rest();
    },
  },
  {
    name: "the second comes during the rollout",
    options: { fates: { "1": "unhealthy" } },
    tell: async (world, rest) => {
      await world.promote("1");
      await rest(() => world.cluster.changes().length > 0);
      await world.promote("2");
      await rest();
    },
  },
];

/** A story told until its end, with something that happens once after so many turns, or at its end. */
export async function tellStory(
  { options, tell }: Story,
  at: number,
  happens: (world: World) => Promise<void>,
): Promise<{ world: World; turns: number }> {
  const world = createWorld(options);
  let turns = 0;
  let happened = false;
  const once = async () => {
    if (happened) return;
    happened = true;
    await happens(world);
  };
  const rest: Rest = async (until = () => false) => {
    await world.run(undefined, () => {
      turns += 1;
      return (turns === at && !happened) || until();
    });
    if (turns < at || happened) return;
    await once();
    await world.run(undefined, until);
  };
  await tell(world, rest);
  await once();
  await world.run();
  return { world, turns };
}

/** What a story came to, without what depends on how often something was looked at. */
export function outcomeOf(world: World) {
  const { stable, hold, quarantine, changing } = world.target() ?? { quarantine: [] };
  return {
    endings: world.endings().map((one) => ({
      phase: one.phase,
      version: one.model.version,
      code: hasEnded(one) && one.phase !== "Succeeded" ? one.problem.code : undefined,
    })),
    serving: world.cluster.serving(),
    target: {
      stable: stable?.image,
      held: hold?.reason.code,
      quarantine: quarantine.map(({ model }) => model.version),
      changing,
    },
    objects: world.cluster.objects().map(({ metadata: { annotations, ...metadata }, ...object }) => ({
      ...object,
      metadata,
      release: annotations?.[ANNOTATIONS.release],
    })),
  };
}

/** What holds wherever a story came to a stop, whatever happened in it. */
export function checkEndings(world: World, { options: { fates = {} } }: Story): void {
  for (const one of world.endings()) checkEnding(one, fates[one.model.version] ?? "good");
  const { stable } = world.target() ?? {};
  if (stable !== undefined) expect(world.images.tagOf(stable.image)?.split("-")[0]).toBe(stable.model.version);
  const last = world.endings().at(-1);
  const proven = last?.phase === "Succeeded" || last?.phase === "RolledBack";
  if (proven && world.endings().every(hasEnded)) expect(world.cluster.serving()).toBe(stable?.image);
}

function checkEnding(one: Deployment, fate: VersionFate): void {
  if (one.phase === "Succeeded") expect(fate).toBe("good");
  if (one.phase === "Rejected") expect(NEVER_REJECTED).not.toContain(one.problem.code);
}

/** What Belay could not find out is never the model's fault. */
const NEVER_REJECTED: readonly ProblemCode[] = [
  "bad-answer",
  "unreachable",
  "unexpected",
  "access-denied",
  "timed-out",
];

/** How a story that something happened in came out, in a word. */
export function cameOut(world: World, undisturbed: ReturnType<typeof outcomeOf>): string {
  const endings = world.endings();
  // What is open without a message waits for the sweep; whoever looks into what was set aside finds why.
  if (endings.some((one) => !hasEnded(one))) return world.bus.poisoned().length > 0 ? "set aside" : "left to the sweep";
  return isDeepStrictEqual(outcomeOf(world), undisturbed) ? "as undisturbed" : "ended otherwise";
}
