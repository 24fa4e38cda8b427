import { describe, expect, it } from "vitest";
import { movedBack } from "../../shared/domain/moved-back.ts";
import { identity, promotion } from "./build.ts";

const stable = { releaseId: "r", image: "i", generation: 1, policyId: "p", model: identity("10") };
const KEEP = { movedBack: "keep" } as const;
const person = promotion({ origin: { kind: "person", by: "Ada" } });

describe("an older version than the stable one", () => {
  it.each([
    { name: "is refused where the policy keeps what is live", version: "9", refused: true },
    { name: "is none when it is the same", version: "10", refused: false },
    { name: "is none when it is newer, by number and not by text", version: "11", refused: false },
    {
      name: "is followed where the policy says so",
      version: "9",
      policy: { movedBack: "follow" } as const,
      refused: false,
    },
    { name: "is followed when a person asks for it", version: "9", wish: person, refused: false },
    { name: "is followed where nothing is stable", version: "9", target: {}, refused: false },
    { name: "is none when it is of another model", version: "9", model: "other", refused: false },
  ])("$name", ({ version, policy = KEEP, wish = promotion(), target = { stable }, model, refused }) => {
    const found = { ...identity(version), ...(model === undefined ? {} : { name: model }) };
    const problem = movedBack(policy, target, wish, found);
    expect(problem?.code).toBe(refused ? "moved-back" : undefined);
  });

  it("is named with the one that stays", () => {
    expect(movedBack(KEEP, { stable }, promotion(), identity("9"))).toMatchObject({
      kind: "failed",
      message: expect.stringContaining("moved back from version 10 to 9"),
    });
  });
});
