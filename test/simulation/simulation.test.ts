import { describe, expect, it } from "vitest";
import { inThread } from "./builds/in-thread.ts";

const run = (name: string, ...parameters: unknown[]) => inThread(import.meta.dirname, "cases.ts", name, ...parameters);

/** Seeds that once broke a promise, by a bug of Belay's or of the simulator's. */
const REGRESSIONS = [
  { seed: 6584, found: "somebody else's image was said to be the live release" },
  { seed: 9904, found: "a visit that froze goes on once after its deadline" },
  { seed: 10217, found: "the only pod flaps while its release is proven" },
  { seed: 13693, found: "a configuration is removed and made again by the next release" },
  { seed: 19160, found: "the cluster hardly answers on the way back" },
];

describe("the simulator", () => {
  it("finds no broken promise, and the same seeds have the same traces", async () => {
    const first = await run("playSeeds", 1, 60);
    expect(first).toMatchObject({ broken: [] });
    expect(await run("playSeeds", 1, 60)).toEqual(first);
  }, 120_000);

  it.each(REGRESSIONS)(
    "keeps every promise in seed $seed, where $found",
    async ({ seed }) => {
      expect(await run("playSeeds", seed, 1)).toMatchObject({ broken: [] });
    },
    60_000,
  );

  it.each([
    { name: "target-without-etag", seed: 1, breaks: "I9" },
    { name: "history-not-written", seed: 1, breaks: "I3" },
    { name: "stable-before-verified", seed: 1, breaks: "I4" },
  ])(
    "finds $name",
    async ({ name, seed, breaks }) => {
      expect(await run("playDefect", name, seed)).toBe(breaks);
    },
    60_000,
  );
});
