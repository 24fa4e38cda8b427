import { expect, it } from "vitest";
import { bakeAfter, bakeVerdict } from "../../shared/domain/bake.ts";

it.each([
  ["goes on while there is time", { until: 100, bad: 0 }, "Successful", 99, "go on"],
  ["is over when the time has passed", { until: 100, bad: 0 }, "Successful", 100, "over"],
  ["goes on past its time until a look is good", { until: 100, bad: 2 }, "Failed", 200, "go on"],
  ["goes on past its time while nothing can be measured", { until: 100, bad: 0 }, "Error", 200, "go on"],
  ["is bad after so many bad looks in a row", { until: 100, bad: 3 }, "Failed", 50, "bad"],
  ["is bad also past its time", { until: 100, bad: 3 }, "Failed", 200, "bad"],
] as const)("a bake %s", (_name, { until, bad }, last, now, verdict) => {
  expect(bakeVerdict({ until, bad, looks: 9, over: false }, last, 3, now)).toBe(verdict);
});

it.each([
  ["Successful", 0],
  ["Failed", 3],
  ["Error", 2],
] as const)("a look that is %s leaves %d bad ones in a row", (phase, bad) => {
  const known = { until: 100, looks: 9, bad: 2, over: false };
  expect(bakeAfter(known, phase)).toEqual({ ...known, looks: 10, bad });
});
