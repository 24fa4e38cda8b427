import { expect, it } from "vitest";
import { bakeVerdict } from "../../shared/domain/bake.ts";

it.each([
  ["goes on while there is time", { until: 100, bad: 0 }, 99, "go on"],
  ["is over when the time has passed", { until: 100, bad: 0 }, 100, "over"],
  ["goes on past its time until a look is good", { until: 100, bad: 2 }, 200, "go on"],
  ["is bad after so many bad looks in a row", { until: 100, bad: 3 }, 50, "bad"],
  ["is bad also past its time", { until: 100, bad: 3 }, 200, "bad"],
] as const)("a bake %s", (_name, { until, bad }, now, verdict) => {
  expect(bakeVerdict({ until, bad, looks: 9, over: false }, 3, now)).toBe(verdict);
});
