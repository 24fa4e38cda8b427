import { describe, expect, it } from "vitest";
import { type AnalysisThresholds, DEFAULT_THRESHOLDS, judge } from "../../shared/domain/analysis.ts";
import type { SideTraffic } from "../../shared/domain/traffic-window.ts";
import type { Verdict } from "../../shared/domain/verification.ts";

/** So many requests, nine in ten of them within the first bound and all within the second; seconds. */
function side(
  requests: number,
  errors: number,
  [fast, slow] = [0.05, 0.1],
  more: Partial<SideTraffic> = {},
): SideTraffic {
  const buckets = [
    { le: fast, count: requests * 0.9 },
    { le: slow, count: requests },
  ];
  return { pods: 2, requests, errors, latency: { buckets, count: requests }, gaps: [], ...more };
}

const stable = side(9_000, 36);

describe("a canary", () => {
  it.each<{ name: string; candidate: SideTraffic; beside?: SideTraffic; verdict: Verdict; found: string }>([
    {
      name: "as good as the stable release is Successful",
      candidate: side(1_000, 5),
      verdict: "Successful",
      found:
        "no worse than the stable release: errors in 5 of 1000 (0.5 %) requests against 36 of 9000 (0.4 %); p95 latency 55.8 ms against 55.8 ms",
    },
    {
      name: "with 10 errors in 500 and one percentage point more is Failed",
      candidate: side(500, 10),
      beside: side(5_000, 50),
      verdict: "Failed",
      found:
        "errors in 10 of 500 (2 %) requests against 50 of 5000 (1 %) of the stable release, at least 10 and 1 percentage point more",
    },
    {
      name: "with 9 errors is not, however few requests",
      candidate: side(500, 9),
      beside: side(5_000, 0),
      verdict: "Successful",
      found: "",
    },
    {
      name: "with a little less than one percentage point more is not, however many errors",
      candidate: side(100_000, 1_399),
      beside: side(100_000, 400),
      verdict: "Successful",
      found: "",
    },
    {
      name: "whose difference is one percentage point by exact arithmetic is Failed",
      candidate: side(1_000, 57),
      beside: side(1_000, 47),
      verdict: "Failed",
      found:
        "errors in 57 of 1000 (5.7 %) requests against 47 of 1000 (4.7 %) of the stable release, at least 10 and 1 percentage point more",
    },
    {
      name: "with a p95 of more than 1.5 times is Failed",
      candidate: side(1_000, 5, [0.1, 0.2]),
      verdict: "Failed",
      found: "p95 latency 112 ms against 55.8 ms of the stable release, more than 1.5 times as long",
    },
    {
      name: "with a p95 of 1.5 times is not",
      candidate: side(9_000, 36, [1.5, 3]),
      beside: side(9_000, 36, [1, 2]),
      verdict: "Successful",
      found: "",
    },
    {
      name: "whose p95 lies beyond the last bound is Failed by that bound",
      candidate: side(1_000, 0, [5, 30], {
        latency: {
          buckets: [
            { le: 5, count: 300 },
            { le: 30, count: 900 },
          ],
          count: 1_000,
        },
      }),
      verdict: "Failed",
      found: "p95 latency 30 s or more against 55.8 ms of the stable release, more than 1.5 times as long",
    },
    {
      name: "worse in both is Failed for both",
      candidate: side(1_000, 50, [1, 2.5]),
      verdict: "Failed",
      found:
        "errors in 50 of 1000 (5 %) requests against 36 of 9000 (0.4 %) of the stable release, at least 10 and 1 percentage point more; p95 latency 1.16 s against 55.8 ms of the stable release, more than 1.5 times as long",
    },
    {
      name: "with 499 requests is Inconclusive, however bad",
      candidate: side(499, 499),
      verdict: "Inconclusive",
      found:
        "too few to compare: 499 requests to the candidate and 9000 to the stable release, at least 500 needed to each",
    },
    {
      name: "beside a stable release with 499 requests is Inconclusive",
      candidate: side(9_000, 0),
      beside: side(499, 0),
      verdict: "Inconclusive",
      found:
        "too few to compare: 9000 requests to the candidate and 499 to the stable release, at least 500 needed to each",
    },
    {
      name: "of which no pod could be measured is Error",
      candidate: side(0, 0, [1, 2], { pods: 0, gaps: ["new-a is gone: what it served is not counted"] }),
      verdict: "Error",
      found: "no pod of the candidate could be measured (new-a is gone: what it served is not counted)",
    },
    {
      name: "without a measured pod of the stable release is Error",
      candidate: side(1_000, 0),
      beside: side(0, 0, [1, 2], { pods: 0 }),
      verdict: "Error",
      found: "no pod of the stable release could be measured",
    },
    {
      name: "whose requests were not timed is Error",
      candidate: side(1_000, 5, [1, 2], { latency: { buckets: [], count: 0 } }),
      verdict: "Error",
      found: "latency cannot be compared: of 1000 and 9000 requests 0 and 9000 were timed",
    },
    {
      name: "of whose requests fewer were timed than are needed is Error",
      candidate: side(1_000, 5, [0.05, 0.1], { latency: side(440, 0).latency }),
      verdict: "Error",
      found: "latency cannot be compared: of 1000 and 9000 requests 440 and 9000 were timed",
    },
    {
      name: "of whose requests the last were not timed yet is judged",
      candidate: side(500, 2, [0.05, 0.1], { latency: side(460, 0).latency }),
      verdict: "Successful",
      found: "",
    },
    {
      name: "timed without bounds is Error",
      candidate: side(1_000, 5, [1, 2], { latency: { buckets: [], count: 1_000 } }),
      verdict: "Error",
      found:
        "latency cannot be compared: of 1000 and 9000 requests 1000 and 9000 were timed, one side's without bounds",
    },
    {
      name: "beside a stable release timed without bounds is Error",
      candidate: side(1_000, 5),
      beside: side(1_000, 5, [1, 2], { latency: { buckets: [], count: 1_000 } }),
      verdict: "Error",
      found:
        "latency cannot be compared: of 1000 and 1000 requests 1000 and 1000 were timed, one side's without bounds",
    },
    {
      name: "whose errors are enough is Failed without a latency",
      candidate: side(1_000, 50, [1, 2], { latency: { buckets: [], count: 0 } }),
      verdict: "Failed",
      found: "",
    },
    {
      name: "beside a stable release whose p95 lies beyond the last bound cannot be slower",
      candidate: side(1_000, 5, [0.05, 0.1], { latency: { buckets: [{ le: 0.1, count: 10 }], count: 1_000 } }),
      beside: side(1_000, 5, [0.05, 0.1], { latency: { buckets: [{ le: 0.1, count: 900 }], count: 1_000 } }),
      verdict: "Successful",
      found: "",
    },
    {
      name: "of which pods are not counted says so",
      candidate: side(1_000, 5, [0.05, 0.1], { gaps: ["new-a restarted", "new-b is gone"] }),
      beside: { ...stable, gaps: ["old-a is gone"] },
      verdict: "Successful",
      found:
        "no worse than the stable release: errors in 5 of 1000 (0.5 %) requests against 36 of 9000 (0.4 %); p95 latency 55.8 ms against 55.8 ms (new-a restarted, and 2 more)",
    },
  ])("$name", ({ candidate, beside = stable, verdict, found }) => {
    const analysis = judge(candidate, beside);
    expect(analysis.verdict).toBe(verdict);
    if (found !== "") expect(analysis.found).toBe(found);
  });

  it("whose p95 is over the ratio by chance is not Failed, and by more requests is", () => {
    const at = (requests: number, fast: number): SideTraffic => {
      const buckets = [
        { le: 0.05, count: requests * fast },
        { le: 0.9, count: requests * fast },
        { le: 1, count: requests },
      ];
      return side(requests, 0, [0, 0], { latency: { buckets, count: requests } });
    };
    const few = judge(at(500, 0.944), at(500, 0.954));
    expect(few.candidate.p95?.seconds).toBeGreaterThan(0.9);
    expect(few.stable.p95?.seconds).toBeLessThan(0.05);
    expect(few.verdict).toBe("Successful");
    expect(judge(at(50_000, 0.944), at(50_000, 0.954)).verdict).toBe("Failed");
  });

  it("is judged by the policy's own thresholds", () => {
    const thresholds: AnalysisThresholds = { minRequests: 100, minErrors: 3, errorPoints: 2, latencyRatio: 4 };
    expect(judge(side(100, 3), side(100, 1), thresholds)).toMatchObject({
      verdict: "Failed",
      found:
        "errors in 3 of 100 (3 %) requests against 1 of 100 (1 %) of the stable release, at least 3 and 2 percentage points more",
    });
    expect(judge(side(100, 3), side(100, 2), thresholds).verdict).toBe("Successful");
    expect(judge(side(1_000, 0, [0.15, 0.3]), side(1_000, 0), thresholds).verdict).toBe("Successful");
    expect(judge(side(99, 0), side(100, 0), thresholds).verdict).toBe("Inconclusive");
  });

  it("can be judged again from what was stored", () => {
    const first = judge(side(1_000, 50, [1, 2.5]), stable, { ...DEFAULT_THRESHOLDS, minErrors: 20 });
    const stored: typeof first = JSON.parse(JSON.stringify(first));
    expect(stored).toEqual(first);
    expect(judge(stored.evidence.candidate, stored.evidence.stable, stored.thresholds)).toEqual(first);
  });

  it("shows the numbers it was judged by", () => {
    expect(judge(side(1_000, 5), stable)).toMatchObject({
      candidate: {
        requests: 1_000,
        errors: 5,
        errorPercent: 0.5,
        quantile: { seconds: expect.closeTo(0.075), lower: 0.05, upper: 0.1 },
      },
      stable: { requests: 9_000, errors: 36, errorPercent: 0.4, p95: { seconds: expect.closeTo(0.0558, 4) } },
      thresholds: DEFAULT_THRESHOLDS,
    });
    const none = side(0, 0, [1, 2], { latency: { buckets: [], count: 0 } });
    expect(judge(none, stable).candidate).toEqual({ requests: 0, errors: 0, errorPercent: 0 });
  });
});
