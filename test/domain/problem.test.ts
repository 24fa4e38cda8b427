import { describe, expect, it } from "vitest";
import { errored, failed } from "../../shared/domain/problem.ts";

describe("a problem", () => {
  it.each([
    { name: "failed: the model is bad", problem: failed("gate-failed", "accuracy is 0.8"), kind: "failed" },
    { name: "errored: we could not find out", problem: errored("gate-failed", "accuracy is 0.8"), kind: "errored" },
  ])("has a kind, a reason and a remedy: $name", ({ problem, kind }) => {
    expect(problem).toEqual({
      ...{ kind, code: "gate-failed", message: "accuracy is 0.8" },
      remedy: "Train a version that meets the gate, or change the gate in the delivery policy.",
    });
  });

  it("keeps its message within 600 characters", () => {
    expect(failed("unhealthy", "x".repeat(601)).message).toBe("x".repeat(600));
  });

  it("keeps the last 100 lines of evidence, 250 characters of each", () => {
    const lines = Array.from({ length: 101 }, (_, line) => `${line} ${"x".repeat(300)}`);
    const { evidence } = failed("container-dead", "dead", lines);
    expect(evidence).toHaveLength(100);
    expect(evidence?.[0]).toBe(`1 ${"x".repeat(248)}`);
  });

  it("has no evidence where there are no lines", () => {
    expect(failed("container-dead", "dead", [])).not.toHaveProperty("evidence");
  });
});
