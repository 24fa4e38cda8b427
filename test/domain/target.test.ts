import { describe, expect, it } from "vitest";
import { keptRelease, newTarget, type StableRelease } from "../../shared/domain/target.ts";

it("a new target wants nothing, runs nothing and has nothing to go back to", () => {
  expect(newTarget("churn")).toEqual({ schema: 1, name: "churn", generation: 0, changing: false, quarantine: [] });
});

describe("a kept release", () => {
  const release = (version: string, policyId = "p", generation = 1): StableRelease => ({
    ...{ releaseId: `r${version}`, image: `i@${version}`, generation, policyId },
    model: { name: "churn", version, createdAt: 1 },
  });
  const target = { ...newTarget("churn"), stable: release("3"), former: [release("2"), release("1", "p", 7)] };

  it.each([
    ["the stable one", "3", "p", "r3"],
    ["one before it", "1", "p", "r1"],
    ["none of another policy", "1", "q", undefined],
    ["none of another version", "4", "p", undefined],
  ])("is %s", (_name, version, policyId, found) => {
    expect(keptRelease(target, { name: "churn", version, createdAt: 1 }, policyId)?.releaseId).toBe(found);
  });

  it("is none of a version that was made anew under the same number, and none where nothing was proven", () => {
    expect(keptRelease(target, { name: "churn", version: "1", createdAt: 2 }, "p")).toBeUndefined();
    expect(keptRelease(newTarget("churn"), { name: "churn", version: "1", createdAt: 1 }, "p")).toBeUndefined();
  });
});
