import { describe, expect, it } from "vitest";
import { describeModel, identityKey, sameModel } from "../../shared/domain/model.ts";
import { identity, model } from "./build.ts";

describe("a model version", () => {
  it.each([
    { name: "is the same as itself", other: identity("2"), same: true },
    { name: "is the same whatever else the registry says about it", other: { ...model("2"), runId: "r" }, same: true },
    { name: "is not another version", other: { ...identity("2"), version: "3" }, same: false },
    { name: "is not that of another model", other: { ...identity("2"), name: "churn" }, same: false },
    { name: "is not one of the same number made anew", other: { ...identity("2"), createdAt: 1 }, same: false },
  ])("$name", ({ other, same }) => {
    expect(sameModel(identity("2"), other)).toBe(same);
    expect(identityKey(identity("2")) === identityKey(other)).toBe(same);
  });

  it("does not run its name into its number", () => {
    expect(sameModel({ name: "a", version: "12", createdAt: 1 }, { name: "a1", version: "2", createdAt: 1 })).toBe(
      false,
    );
  });

  it("is named in sentences", () => {
    expect(describeModel(identity("7"))).toBe("churn-classifier version 7");
  });
});
