import { describe, expect, it } from "vitest";
import { createRandom } from "../../../infra/local/soak/random.ts";

const draws = (seed: number, name: string) => {
  const random = createRandom(seed, name);
  return Array.from({ length: 1_000 }, () => random.next());
};

describe("a course of chance", () => {
  it("is the same for the same seed and name", () => {
    expect(draws(7, "kills")).toEqual(draws(7, "kills"));
  });

  it.each([
    ["seed", 8, "kills"],
    ["name", 7, "faults"],
  ])("is another for another %s", (_what, seed, name) => {
    expect(draws(seed, name)).not.toEqual(draws(7, "kills"));
  });

  it("is spread evenly from 0 up to 1", () => {
    const drawn = draws(7, "kills");
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...drawn)).toBeLessThan(1);
    expect(drawn.reduce((sum, one) => sum + one, 0) / drawn.length).toBeCloseTo(0.5, 1);
  });

  it("picks by weight, and never what has none", () => {
    const random = createRandom(7, "weights");
    const picked = Array.from({ length: 1_000 }, () => random.weighted({ often: 9, seldom: 1, never: 0 }));
    const count = (name: string) => picked.filter((one) => one === name).length;
    expect(count("never")).toBe(0);
    expect(count("often") / count("seldom")).toBeGreaterThan(5);
  });
});
