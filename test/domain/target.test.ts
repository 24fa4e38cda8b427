import { expect, it } from "vitest";
import { newTarget } from "../../shared/domain/target.ts";

it("a new target wants nothing, runs nothing and has nothing to go back to", () => {
  expect(newTarget("churn")).toEqual({ schema: 1, name: "churn", generation: 0, changing: false, quarantine: [] });
});
