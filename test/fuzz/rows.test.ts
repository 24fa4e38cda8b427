import { beforeAll, describe, expect, it } from "vitest";
import { bundleProperties, readBundleText, readText, textProperties } from "../../shared/adapters/tables/rows.ts";
import { PermanentError, TransientError } from "../../shared/domain/errors.ts";
import { running } from "../domain/build.ts";
import { cases, eachCase, pace, Tally, tell } from "./fuzz.ts";
import type { Random } from "./random.ts";
import { spoilRow } from "./row-cases.ts";
import { cameOut, checkEndings, outcomeOf, STORIES, type Story, tellStory } from "./stories.ts";

const ROWS = cases(50_000, 1_500);
const STORIES_TOLD = cases(500, 40);

/** Says in every record that it is private: no error may repeat it. */
const PRIVATE = "what-only-the-row-says";

const told: { story: Story; turns: number; outcome: ReturnType<typeof outcomeOf> }[] = [];
const records: Record<string, unknown>[] = [];
const bundles: { text: string; row: Record<string, unknown> }[] = [];

beforeAll(async () => {
  for (const story of STORIES) {
    const { world, turns } = await tellStory(story, 0, async () => undefined);
    told.push({ story, turns, outcome: outcomeOf(world) });
    for (const value of [...world.store.targets(), ...world.store.deployments(), ...world.store.visits().slice(0, 3)])
      records.push(textProperties({ ...value, [PRIVATE]: PRIVATE }));
    for (const text of [JSON.stringify(world.policies), JSON.stringify(world.cluster.objects())])
      bundles.push({ text, row: bundleProperties(text) });
  }
  records.push(textProperties(large()));
  const random = Array.from({ length: 40_000 }, (_, index) => (index * 2_654_435_761) % 4_294_967_291).join();
  bundles.push({ text: random, row: bundleProperties(random) });
});

/** A deployment that needs more than one property. */
function large() {
  const health = Array.from(
    { length: 700 },
    (_, at) => ({ at, phase: "Successful", pods: 3, found: PRIVATE }) as const,
  );
  return running({ work: { verify: { health, predictions: [], inconclusiveRounds: 0 } } });
}

/** What reading came to; fails for anything but a value and the two errors that a spoiled row may lead to. */
function readingOf(read: () => unknown): { found: string; value?: unknown; error?: Error } {
  try {
    return { found: "read", value: read() };
  } catch (error) {
    if (!(error instanceof Error)) return expect.fail(`${typeof error} was thrown`);
    expect(error.message).not.toContain(PRIVATE);
    if (error instanceof TransientError) return { found: "left to a newer Belay", error };
    expect(error).toBeInstanceOf(PermanentError);
    expect(error).toMatchObject({ code: "bad-answer" });
    return { found: "refused", error };
  }
}

function isNewer({ schema }: Readonly<Record<string, unknown>>): boolean {
  return typeof schema === "number" && schema > 1;
}

function textOf(row: Readonly<Record<string, unknown>>): string {
  return Object.keys(row)
    .map((_, chunk) => row[`json${chunk}`])
    .filter((text) => typeof text === "string")
    .join("");
}

function spoilOne(random: Random): { kind: string; became: string } {
  const original = random.pick(records);
  const { kind, row } = spoilRow(random, original);
  const { found } = readingOf(() => readText(row));
  expect(found === "left to a newer Belay").toBe(isNewer(row));
  // Inside, types are trusted: a record that still is JSON is taken for what it says.
  const other = found === "read" && textOf(row) !== textOf(original);
  return { kind: `record: ${kind}`, became: other ? "read as other JSON" : found };
}

function spoilBundle(random: Random): { kind: string; became: string } {
  const { text, row: original } = random.pick(bundles);
  const { kind, row } = spoilRow(random, original);
  const { found, value } = readingOf(() => readBundleText(row));
  expect(found === "left to a newer Belay").toBe(isNewer(row));
  if (found === "read") expect(value === text).toBe(true);
  return { kind: `bundle: ${kind}`, became: found };
}

describe("a row that is not what it should be", () => {
  it("is left to a newer Belay, refused, or what its JSON says; a bundle is never another one", async () => {
    const kinds = new Tally();
    const became = new Tally();
    const began = performance.now();
    await eachCase(ROWS, (random) => {
      const spoiled = random.chance(0.3) ? spoilBundle(random) : spoilOne(random);
      kinds.add(spoiled.kind);
      became.add(spoiled.became);
    });
    tell(`rows: spoiled ${pace(ROWS, began)}; by kind: ${kinds}; became: ${became}`);
    expect(became.names()).toEqual(["left to a newer Belay", "read", "read as other JSON", "refused"]);
  });

  it("leads a story nowhere else: it ends as it would have, as errored, or its message is set aside", async () => {
    const became = new Tally();
    const began = performance.now();
    await eachCase(STORIES_TOLD, async (random) => {
      const { error } = readingOf(() => readText(spoilRow(random, random.pick(records)).row));
      if (error === undefined) return false;
      const { story, turns, outcome } = random.pick(told);
      const member = random.pick(["readTarget", "readDeployment", "readBundle", "readBuild"] as const);
      const lasting = random.chance(0.5);
      let met = 0;
      const { world } = await tellStory(story, random.below(turns + 1), async ({ store }) => {
        throwFrom(store, member, () => {
          if (met > 0 && !lasting) return undefined;
          met += 1;
          return error;
        });
      });
      if (met === 0) return false;
      checkEndings(world, story);
      became.add(cameOut(world, outcome));
      return true;
    });
    tell(`rows: stories that met one ${pace(STORIES_TOLD, began)}; became: ${became}`);
  });
});

/** Lets a call fail for as long as there is an error to fail with. */
function throwFrom<K extends string>(
  port: Record<K, (...given: never[]) => Promise<unknown>>,
  member: K,
  next: () => Error | undefined,
): void {
  const call = port[member];
  port[member] = async (...given: never[]) => {
    const error = next();
    if (error !== undefined) throw error;
    return call(...given);
  };
}
