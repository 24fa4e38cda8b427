import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDuration, parseSize } from "../../shared/config/quantities.ts";

describe("durations are seconds", () => {
  test.each([
    ["500ms", 0.5],
    ["1ms", 0.001],
    ["3s", 3],
    ["5m", 300],
    ["1h", 3_600],
    ["1h30m", 5_400],
    ["1m5s250ms", 65.25],
    ["0s", 0],
    ["150s", 150],
    ["7d", 604_800],
    ["1d12h", 129_600],
    ["3650d", 315_360_000],
  ])("%s", (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  test.each([
    "",
    "3",
    "s",
    "3 s",
    "3sec",
    "1.5s",
    "-3s",
    "30m1h",
    "1h1d",
    "1h1h",
    "7D",
    "7days",
    "1w",
    "1y",
    "3S",
    "3s\n",
    "٣s",
    "1234567s",
  ])("%j is none", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  test("milliseconds survive whatever the unit they are added to", () => {
    fc.assert(
      fc.property(fc.nat(999), fc.nat(99), fc.nat(59), fc.nat(59), fc.nat(999), (d, h, m, s, ms) => {
        expect(parseDuration(`${d}d${h}h${m}m${s}s${ms}ms`)).toBe(
          (d * 86_400_000 + h * 3_600_000 + m * 60_000 + s * 1_000 + ms) / 1_000,
        );
      }),
    );
  });
});

describe("sizes are bytes", () => {
  test.each([
    ["1KiB", 1_024],
    ["256MiB", 268_435_456],
    ["10GiB", 10_737_418_240],
    ["2TiB", 2_199_023_255_552],
  ])("%s", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each(["", "10", "10GB", "10gib", "1.5GiB", "10 GiB", "GiB", "-1GiB"])("%j is none", (text) => {
    expect(parseSize(text)).toBeUndefined();
  });
});
