import { describe, expect, it } from "vitest";
import { inThread } from "./builds/in-thread.ts";

const run = (name: string, ...parameters: unknown[]) => inThread(import.meta.dirname, "cases.ts", name, ...parameters);

describe("the simulator", () => {
  it("finds no broken promise, and the same seeds have the same traces", async () => {
    const first = await run("playSeeds", 1, 60);
    expect(first).toMatchObject({ broken: [] });
    expect(await run("playSeeds", 1, 60)).toEqual(first);
  }, 120_000);

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
