import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replicasFor, trueFraction } from "../../shared/domain/canary-share.ts";

describe("the part of a candidate", () => {
  it.each([
    { candidate: 1, stable: 3, fraction: 0.25 },
    { candidate: 3, stable: 0, fraction: 1 },
    { candidate: 0, stable: 3, fraction: 0 },
    { candidate: 0, stable: 0, fraction: 0 },
  ])("of $candidate pods beside $stable is $fraction", ({ candidate, stable, fraction }) => {
    expect(trueFraction(candidate, stable)).toBe(fraction);
  });

  it.each([
    { percent: 25, total: 4, candidate: 1, found: "25 % of 4 pods: 1 of 4" },
    { percent: 10, total: 3, candidate: 1, found: "10 % of 3 pods does not exist: 1 of 3, 33 %" },
    { percent: 1, total: 50, candidate: 1, found: "1 % of 50 pods does not exist: 1 of 50, 2 %" },
    { percent: 50, total: 5, candidate: 2, found: "50 % of 5 pods does not exist: 2 of 5, 40 %" },
    { percent: 35, total: 10, candidate: 3, found: "35 % of 10 pods does not exist: 3 of 10, 30 %" },
    { percent: 36, total: 10, candidate: 4, found: "36 % of 10 pods does not exist: 4 of 10, 40 %" },
    { percent: 99, total: 10, candidate: 9, found: "99 % of 10 pods does not exist: 9 of 10, 90 %" },
    { percent: 99, total: 2, candidate: 1, found: "99 % of 2 pods does not exist: 1 of 2, 50 %" },
    { percent: 100, total: 3, candidate: 3, found: "100 % of 3 pods: 3 of 3" },
    { percent: 100, total: 1, candidate: 1, found: "100 % of 1 pods: 1 of 1" },
  ])("is $candidate pods for $percent % of $total", ({ percent, total, candidate, found }) => {
    const share = { candidate, stable: total - candidate, fraction: candidate / total, found };
    expect(replicasFor(percent, total)).toEqual(share);
  });

  it.each([0, 1])("does not exist beside a stable one with %i pods", (total) => {
    expect(replicasFor(50, total)).toBeUndefined();
  });

  it("leaves both at least one pod before the last step, and is as near to what was wanted as any", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 2, max: 300 }), (percent, total) => {
        const { candidate = 0, stable = 0, fraction = 0 } = replicasFor(percent, total) ?? {};
        expect(candidate + stable).toBe(total);
        expect(Math.min(candidate, stable)).toBeGreaterThanOrEqual(1);
        for (let other = 1; other < total; other++)
          expect(Math.abs(fraction - percent / 100)).toBeLessThanOrEqual(
            Math.abs(other / total - percent / 100) + 1e-12,
          );
      }),
    );
  });
});
