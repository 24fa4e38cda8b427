import { describe, expect, test } from "vitest";
import type { Gate } from "../../shared/domain/policy.ts";
import { GATES } from "../../shared/gates/index.ts";

/** For every kind of gate: one that is met, one that is not, and one that cannot be measured, by these metrics. */
const METRICS = new Map([["accuracy", 0.9]]);
const EXAMPLES: {
  readonly [K in Gate["kind"]]: Readonly<Record<"met" | "missed" | "unmeasured", Extract<Gate, { kind: K }>>>;
} = {
  metric: {
    met: { kind: "metric", metric: "accuracy", bound: "above", threshold: 0.85 },
    missed: { kind: "metric", metric: "accuracy", bound: "above", threshold: 0.95 },
    unmeasured: { kind: "metric", metric: "f1", bound: "above", threshold: 0.8 },
  },
};

const kinds = Object.keys(GATES).filter((kind): kind is Gate["kind"] => kind in EXAMPLES);

test("every gate has its examples", () => {
  expect(Object.keys(GATES)).toEqual(Object.keys(EXAMPLES));
});

describe.each(kinds)("the gate %s", (kind) => {
  const { met, missed, unmeasured } = EXAMPLES[kind];

  test("passes what meets it", () => {
    expect(GATES[kind](met, METRICS).passed).toBe(true);
  });

  test("does not pass what misses it", () => {
    expect(GATES[kind](missed, METRICS).passed).toBe(false);
  });

  test("does not pass what was not measured, and says so", () => {
    expect(GATES[kind](unmeasured, METRICS)).toMatchObject({ passed: false, value: "missing" });
    expect(GATES[kind](unmeasured, new Map())).toMatchObject({ passed: false, value: "missing" });
  });

  test("says what was found against what, in words", () => {
    for (const gate of [met, missed, unmeasured]) {
      const { gate: name, value, threshold } = GATES[kind](gate, METRICS);
      for (const text of [name, value, threshold]) expect(text).not.toBe("");
    }
  });

  test("gives the same verdict again", () => {
    expect(GATES[kind](met, METRICS)).toEqual(GATES[kind](met, METRICS));
  });
});

describe("a metric against its threshold", () => {
  test.each<{ value: number | undefined; bound: "above" | "below"; passed: boolean; said: string }>([
    { value: 0.8500001, bound: "above", passed: true, said: "0.8500001" },
    { value: 0.85, bound: "above", passed: false, said: "0.85" },
    { value: 0.84, bound: "above", passed: false, said: "0.84" },
    { value: 0.84, bound: "below", passed: true, said: "0.84" },
    { value: 0.85, bound: "below", passed: false, said: "0.85" },
    { value: 0.86, bound: "below", passed: false, said: "0.86" },
    { value: Number.POSITIVE_INFINITY, bound: "above", passed: true, said: "Infinity" },
    { value: Number.NEGATIVE_INFINITY, bound: "above", passed: false, said: "-Infinity" },
    { value: Number.NaN, bound: "above", passed: false, said: "NaN" },
    { value: Number.NaN, bound: "below", passed: false, said: "NaN" },
    { value: undefined, bound: "above", passed: false, said: "missing" },
    { value: undefined, bound: "below", passed: false, said: "missing" },
  ])("$said $bound 0.85: $passed", ({ value, bound, passed, said }) => {
    const metrics = new Map(value === undefined ? [] : [["rate", value]]);
    expect(GATES.metric({ kind: "metric", metric: "rate", bound, threshold: 0.85 }, metrics)).toEqual({
      gate: "rate",
      value: said,
      threshold: `${bound} 0.85`,
      passed,
    });
  });
});
