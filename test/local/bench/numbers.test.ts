import { describe, expect, test } from "vitest";
import { added, pick, sum } from "../../../infra/local/bench/counts.ts";
import { formatCount, formatCounts, formatRatio, formatSection } from "../../../infra/local/bench/report.ts";
import { median, percentile } from "../../../infra/local/bench/statistics.ts";

describe("statistics", () => {
  test.each([
    { name: "one value is its own median", values: [7], expected: 7 },
    { name: "an odd number has a middle, whatever the order", values: [9, 1, 5], expected: 5 },
    { name: "of an even number the two in the middle are averaged", values: [4, 1, 2, 9], expected: 3 },
    { name: "numbers are not sorted as text", values: [10, 9, 100], expected: 10 },
  ])("$name", ({ values, expected }) => {
    expect(median(values)).toBe(expected);
  });

  test.each([
    { name: "p50 of four is the second", share: 0.5, expected: 2 },
    { name: "p99 of four is the largest", share: 0.99, expected: 4 },
    { name: "p0 is the smallest", share: 0, expected: 1 },
    { name: "p100 is the largest", share: 1, expected: 4 },
  ])("$name", ({ share, expected }) => {
    expect(percentile([4, 3, 2, 1], share)).toBe(expected);
  });

  test("of nothing there is neither", () => {
    expect(() => median([])).toThrow("no median");
    expect(() => percentile([], 0.5)).toThrow("no percentile");
  });
});

describe("counts", () => {
  test("what was added is the difference, without what stood still", () => {
    expect(added({ get: 2, put: 1 }, { get: 5, put: 1, delete: 3 })).toEqual({ get: 3, delete: 3 });
  });

  test("those that are picked are summed up", () => {
    expect(sum(pick({ "blobs.PUT": 2, "runs.get": 3 }, (name) => name.startsWith("blobs.")))).toBe(2);
  });
});

describe("report", () => {
  test("values stand one under the other, details only when asked for", () => {
    const rows = [
      { what: "calls", value: "3", detail: "get 2\nput 1" },
      { what: "executions", value: "12" },
    ];
    expect(formatSection("Cost", rows, false)).toEqual(["Cost", "  calls       3", "  executions  12", ""]);
    expect(formatSection("Cost", rows, true)).toEqual([
      "Cost",
      "  calls       3",
      "      get 2",
      "      put 1",
      "  executions  12",
      "",
    ]);
  });

  test("a count that is above its aim says so", () => {
    expect(formatCount(12, 12)).toBe("12 (aim <= 12)");
    expect(formatCount(13, 12)).toBe("13 (aim <= 12)  missed");
  });

  test("counts are listed with the most first", () => {
    expect(formatCounts({ put: 1, get: 4 })).toBe("get 4, put 1");
  });

  test("a ratio is a factor", () => {
    expect(formatRatio(1, 3)).toBe("0.33");
  });
});
