import { describe, expect, it } from "vitest";
import { bundleProperties, readBundleText, readText, textProperties } from "../../shared/adapters/tables/rows.ts";
import { errored } from "../../shared/domain/problem.ts";
import { combineHealth } from "../../shared/domain/verification.ts";

describe("a record in a row", () => {
  it.each([0, 1])("is cut between characters, never inside of one, shifted by %d", (shift) => {
    const record = { name: "x".repeat(shift) + "😀".repeat(40_000) };
    const row = textProperties(record);
    const texts = Object.values(row).filter((value) => typeof value === "string");
    expect(texts.length).toBeGreaterThan(2);
    for (const text of texts) {
      expect(text.isWellFormed()).toBe(true);
      expect(text.length).toBeLessThanOrEqual(32_768);
    }
    expect(readText(row)).toEqual(record);
  });

  it("holds the evidence of the longest verifications a policy may ask for", () => {
    const pod = "p".repeat(253);
    const look = combineHealth(1_790_000_000_000, [
      { pod, answer: { kind: "no-answer", reason: "r".repeat(600), latencyMs: 1 } },
    ]);
    const health = Array.from({ length: 1_000 }, () => look);
    const lines = Array.from({ length: 100 }, () => "e".repeat(250));
    const cause = errored("unhealthy", "m".repeat(600), lines);
    const work = { verify: { health }, rollback: { verify: { health } } };
    expect(() => textProperties({ problem: cause, cause, work })).not.toThrow();
  });
});

describe("a bundle in a row", () => {
  const row = bundleProperties("content");
  const part = row["part0"] as Uint8Array;

  it.each([
    ["without its parts", { schema: 1 }],
    ["with a part twice", { ...row, part1: part }],
    ["with something after it", { ...row, part1: new Uint8Array([1, 2, 3, 4, 5]) }],
    ["cut off", { ...row, part0: part.subarray(0, -1) }],
    ["with a bit that turned", { ...row, part0: part.map((byte, at) => (at === 12 ? byte ^ 1 : byte)) }],
  ])("is refused %s", (_how, spoiled) => {
    expect(readBundleText(row)).toBe("content");
    expect(() => readBundleText(spoiled)).toThrow(expect.objectContaining({ code: "bad-answer" }));
  });
});
