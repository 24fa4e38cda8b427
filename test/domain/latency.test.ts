import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { estimateP95, p95 } from "../../shared/domain/latency.ts";
import type { Latency } from "../../shared/domain/traffic.ts";

/** Pairs of bound and cumulative count. */
function latency(count: number, ...pairs: readonly (readonly [number, number])[]): Latency {
  return { buckets: pairs.map(([le, counted]) => ({ le, count: counted })), count };
}

describe("the p95 of a histogram", () => {
  it.each<{ name: string; of: Latency; is: ReturnType<typeof p95> }>([
    {
      name: "is linear within its bucket",
      of: latency(100, [0.1, 90], [0.2, 100]),
      is: { seconds: 0.15, lower: 0.1, upper: 0.2 },
    },
    {
      name: "is linear from 0 in the first bucket",
      of: latency(100, [0.1, 100], [0.2, 100]),
      is: { seconds: 0.095, lower: 0, upper: 0.1 },
    },
    {
      name: "is a bound where that is reached exactly",
      of: latency(100, [0.1, 95], [0.2, 100]),
      is: { seconds: 0.1, lower: 0, upper: 0.1 },
    },
    {
      name: "skips buckets that nothing fell into",
      of: latency(100, [0.1, 90], [0.2, 90], [0.3, 100]),
      is: { seconds: 0.25, lower: 0.2, upper: 0.3 },
    },
    {
      name: "is the last bound when it lies beyond",
      of: latency(100, [0.1, 50], [0.2, 94]),
      is: { seconds: 0.2, lower: 0.2 },
    },
    {
      name: "is a first bound of 0 or less itself",
      of: latency(100, [-1, 96], [1, 100]),
      is: { seconds: -1, lower: -1, upper: -1 },
    },
    {
      name: "takes a count that falls for the highest before it",
      of: latency(95, [0.1, 90], [0.2, 80], [0.4, 100]),
      is: { seconds: 0.3, lower: 0.2, upper: 0.4 },
    },
    { name: "is nothing without requests", of: latency(0, [0.1, 0]), is: undefined },
    { name: "is nothing without bounds", of: latency(100), is: undefined },
    { name: "is nothing of nothing", of: latency(0), is: undefined },
  ])("$name", ({ of, is }) => {
    const found = p95(of);
    expect(found === undefined ? undefined : Object.keys(found)).toEqual(
      is === undefined ? undefined : Object.keys(is),
    );
    for (const key of ["seconds", "lower", "upper"] as const) {
      if (is?.[key] === undefined) expect(found?.[key]).toBeUndefined();
      else expect(found?.[key]).toBeCloseTo(is[key], 12);
    }
  });
});

describe("the estimate of the true p95", () => {
  it("tells a p95 of 1.3 s from its double, where a straight line through 1, 2.5 and 5 s does not", () => {
    // 10,000 requests, log-normal with sigma 0.5, and the same at twice the time.
    const once = latency(10_000, [1, 8_686], [2.5, 9_984], [5, 10_000]);
    const twice = latency(10_000, [1, 3_937], [2.5, 9_414], [5, 9_984]);
    expect(Number(p95(twice)?.seconds) / Number(p95(once)?.seconds)).toBeLessThan(1.5);
    const [slow, usual] = [estimateP95(twice), estimateP95(once)];
    expect(usual?.seconds).toBeGreaterThan(1.3 * 0.9);
    expect(usual?.seconds).toBeLessThan(1.3 * 1.1);
    expect(slow?.seconds).toBeGreaterThan(2.6 * 0.9);
    expect(slow?.seconds).toBeLessThan(2.6 * 1.1);
    expect(Number(slow?.seconds) / Number(usual?.seconds)).toBeGreaterThan(1.5);
  });

  it("lies between limits that come together with more requests", () => {
    const of = (n: number) => estimateP95(latency(n, [0.1, 0.5 * n], [0.2, 0.9 * n], [0.4, 0.99 * n], [0.8, n]));
    const [few, many] = [of(500), of(50_000)];
    // P95 of 500 lies between the 463rd and the 487th with 98 %: 92.7 and 97.3 % of them.
    expect(few?.atLeast).toBeCloseTo(
      0.2 * 2 ** ((logOdds(0.92733) - logOdds(0.9)) / (logOdds(0.99) - logOdds(0.9))),
      4,
    );
    expect(few?.atMost).toBeCloseTo(0.2 * 2 ** ((logOdds(0.97267) - logOdds(0.9)) / (logOdds(0.99) - logOdds(0.9))), 4);
    expect(few?.seconds).toBe(many?.seconds);
    expect(Number(many?.atMost) - Number(many?.atLeast)).toBeLessThan(0.01);
  });

  const logOdds = (part: number) => Math.log(part / (1 - part));

  it.each<{ name: string; of: Latency; is: ReturnType<typeof estimateP95> }>([
    {
      name: "is linear from 0 in the first bucket",
      of: latency(100, [0.1, 100]),
      is: { seconds: 0.095, atLeast: 0.0899, atMost: 0.1 },
    },
    {
      name: "has no upper limit when that lies beyond the last bound",
      of: latency(500, [0.1, 450], [0.2, 480]),
      is: { seconds: 0.1696, atLeast: 0.128 },
    },
    { name: "is the last bound when it lies beyond", of: latency(500, [0.1, 50]), is: { seconds: 0.1, atLeast: 0.1 } },
    {
      name: "of a single request is its bucket",
      of: latency(1, [0.1, 0], [0.2, 1]),
      is: { seconds: 0.164, atLeast: 0.14, atMost: 0.2 },
    },
    {
      name: "is linear where nearly all of a few lie below the bucket, which only a count in fractions does",
      of: latency(50, [0.1, 49.99], [0.2, 50]),
      is: { seconds: 0.095, atLeast: 0.0879, atMost: 0.2 },
    },
    { name: "is nothing without requests", of: latency(0, [0.1, 0]), is: undefined },
    { name: "is nothing without bounds", of: latency(100), is: undefined },
  ])("$name", ({ of, is }) => {
    const found = estimateP95(of);
    expect(found?.seconds).toEqual(is && expect.closeTo(is.seconds, 3));
    expect(found?.atLeast).toEqual(is && expect.closeTo(is.atLeast, 3));
    expect(found?.atMost).toEqual(is?.atMost && expect.closeTo(is.atMost, 3));
  });

  const counts = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 12 });
  it("of any histogram lies in order between its limits, within the bounds, and both p95 in the same bucket", () => {
    fc.assert(
      fc.property(counts, fc.nat(1_000), (parts, beyond) => {
        let total = 0;
        const buckets = parts.map((part, at) => {
          total += part;
          return { le: (at + 1) / 10, count: total };
        });
        const histogram = { buckets, count: total + beyond };
        const [found, plain] = [estimateP95(histogram), p95(histogram)];
        if (found === undefined || plain === undefined) return expect(histogram.count).toBe(0);
        const atMost = found.atMost ?? parts.length / 10;
        expect(0 <= found.atLeast && found.atLeast <= found.seconds && found.seconds <= atMost + 1e-12).toBe(true);
        expect(found.seconds).toBeGreaterThanOrEqual(plain.lower - 1e-12);
        expect(found.seconds).toBeLessThanOrEqual((plain.upper ?? plain.lower) + 1e-12);
      }),
    );
  });
});
