import { describe, expect, it } from "vitest";
import type { HealthPolicy, PredictionSample } from "../../shared/domain/policy.ts";
import {
  assessHealth,
  assessPredictions,
  combineHealth,
  type HealthMeasurement,
  type MeasurementPhase,
  measureHealth,
  measurePrediction,
  type PredictionMeasurement,
  type ProbeAnswer,
} from "../../shared/domain/verification.ts";
import { NOW } from "./build.ts";

function answer(status: number, body: unknown = "", latencyMs = 20): ProbeAnswer {
  return { kind: "answer", status, body: typeof body === "string" ? body : JSON.stringify(body), latencyMs };
}

const noAnswer: ProbeAnswer = { kind: "no-answer", reason: "no answer within 2 s", latencyMs: 2_000 };

describe("a health answer", () => {
  it.each<{ name: string; given: ProbeAnswer; phase: MeasurementPhase; found: string }>([
    { name: "200 is Successful", given: answer(200), phase: "Successful", found: "200" },
    { name: "204 is Successful", given: answer(204), phase: "Successful", found: "204" },
    { name: "199 is Failed", given: answer(199), phase: "Failed", found: "answered 199" },
    { name: "a redirect is Failed", given: answer(302), phase: "Failed", found: "answered 302" },
    { name: "503 is Failed", given: answer(503), phase: "Failed", found: "answered 503" },
    { name: "none is Error: it could not be measured", given: noAnswer, phase: "Error", found: "no answer within 2 s" },
  ])("$name", ({ given, phase, found }) => {
    expect(measureHealth(given)).toEqual({ phase, found });
  });
});

describe("one look at all new pods", () => {
  const good = { pod: "churn-a", answer: answer(200) };
  const bad = { pod: "churn-b", answer: answer(500) };
  const silent = { pod: "churn-c", answer: noAnswer };

  it.each([
    { name: "is as good as all of them", answers: [good, good], phase: "Successful", found: "2 of 2 pods healthy" },
    { name: "is as bad as the worst", answers: [good, silent, bad], phase: "Failed", found: "churn-b answered 500" },
    {
      name: "is Error when one is silent",
      answers: [silent, good],
      phase: "Error",
      found: "churn-c no answer within 2 s",
    },
    { name: "is Error when no pod is there", answers: [], phase: "Error", found: "no pod of this release is there" },
  ])("$name", ({ answers, phase, found }) => {
    expect(combineHealth(NOW, answers)).toEqual({ at: NOW, phase, pods: answers.length, found });
  });
});

describe("health over time", () => {
  const policy: HealthPolicy = { path: "/ready", attempts: 6, intervalSeconds: 3, successes: 3, timeoutSeconds: 2 };
  const phases = { S: "Successful", F: "Failed", E: "Error" } as const;
  const looks = (letters: string): HealthMeasurement[] =>
    [...letters].map((letter, at) => ({ at, phase: phases[letter as keyof typeof phases], pods: 1, found: letter }));

  it.each([
    { name: "nothing measured yet: look again", given: "", verdict: undefined },
    { name: "two successes are not enough", given: "SS", verdict: undefined },
    { name: "three consecutive successes are", given: "SSS", verdict: "Successful" },
    { name: "early failures are forgiven", given: "FESSS", verdict: "Successful" },
    { name: "a failure in between starts the count anew", given: "SSFSS", verdict: undefined },
    { name: "a look that could not be measured starts it anew too", given: "SSESS", verdict: undefined },
    { name: "the last attempt may decide for it", given: "FFFSSS", verdict: "Successful" },
    { name: "failures at the last attempt decide against it", given: "EFFSFS", verdict: "Failed" },
    { name: "nothing but errors is Error", given: "EEEEEE", verdict: "Error" },
    { name: "successes that errors kept apart are Inconclusive", given: "SSESSE", verdict: "Inconclusive" },
  ])("$name", ({ given, verdict }) => {
    expect(assessHealth(looks(given), policy)).toBe(verdict);
  });

  it("can be decided by one look", () => {
    expect(assessHealth(looks("S"), { ...policy, successes: 1, attempts: 1 })).toBe("Successful");
    expect(assessHealth(looks("F"), { ...policy, successes: 1, attempts: 1 })).toBe("Failed");
  });
});

describe("test predictions together", () => {
  const one = (phase: MeasurementPhase): PredictionMeasurement => ({ phase, latencyMs: 1, found: "" });

  it.each<{ name: string; given: readonly MeasurementPhase[]; verdict: string }>([
    { name: "all right are Successful", given: ["Successful", "Successful"], verdict: "Successful" },
    { name: "one wrong is Failed, whatever could not be measured", given: ["Error", "Failed"], verdict: "Failed" },
    { name: "one that could not be measured is Error", given: ["Successful", "Error"], verdict: "Error" },
    { name: "none prove nothing", given: [], verdict: "Inconclusive" },
  ])("$name", ({ given, verdict }) => {
    expect(assessPredictions(given.map(one))).toBe(verdict);
  });
});

const TWO_ROWS = { instances: [[1], [2]] };

function measure(request: unknown, given: ProbeAnswer, expectation: Partial<PredictionSample> = {}) {
  return measurePrediction({ request, tolerance: 0, ...expectation }, given, { maxLatencySeconds: 2 });
}

describe("a prediction's rows, in every form of request:", () => {
  it.each<{ name: string; request: unknown }>([
    { name: "instances", request: TWO_ROWS },
    { name: "inputs as a list", request: { inputs: [[1], [2]] } },
    { name: "dataframe_split", request: { dataframe_split: { columns: ["a"], data: [[1], [2]] } } },
    { name: "dataframe_records", request: { dataframe_records: [{ a: 1 }, { a: 2 }] } },
  ])("$name are as many as were asked", ({ request }) => {
    expect(measure(request, answer(200, { predictions: [0.1, 0.9] }))).toEqual({
      ...{ phase: "Successful", latencyMs: 20, found: "a finite answer of the right shape in 20 ms" },
    });
    expect(measure(request, answer(200, { predictions: [0.1] }))).toMatchObject({
      ...{ phase: "Failed", found: "1 predictions for 2 rows" },
    });
  });

  it.each<{ name: string; request: unknown }>([
    { name: "inputs as columns", request: { inputs: { a: [1, 2] } } },
    { name: "a dataframe_split without data", request: { dataframe_split: { columns: [] } } },
    { name: "a dataframe_split that is none", request: { dataframe_split: [1] } },
    { name: "a bare list", request: [[1], [2]] },
    { name: "a text", request: "row" },
    { name: "nothing", request: null },
  ])("$name do not say how many", ({ request }) => {
    expect(measure(request, answer(200, { predictions: [1, 2, 3] })).phase).toBe("Successful");
  });
});

describe("a prediction's answer", () => {
  it.each<{ name: string; body: unknown }>([
    { name: "a list of its own", body: [0.1, 0.9] },
    {
      name: "nested numbers",
      body: {
        predictions: [
          [0.1, 0.9],
          [[1], { score: 2, label: "churns" }],
        ],
      },
    },
    { name: "a very long one", body: { predictions: [Array(200_000).fill(1), [2]] } },
    { name: "nested very deeply", body: `{"predictions":[1,${"[".repeat(100_000)}${"]".repeat(100_000)}]}` },
    { name: "texts", body: { predictions: ["yes", "no"] } },
    { name: "truths", body: { predictions: [true, false] } },
  ])("may be $name", ({ body }) => {
    expect(measure(TWO_ROWS, answer(200, body)).phase).toBe("Successful");
  });

  it.each<{ name: string; body: unknown; found: string }>([
    {
      name: "NaN as MLflow's server writes it",
      body: '{"predictions": [1.0, NaN]}',
      found: "a prediction is not finite",
    },
    { name: "Infinity", body: '{"predictions": [1.0, Infinity]}', found: "a prediction is not finite" },
    { name: "-Infinity", body: '{"predictions": [1.0, -Infinity]}', found: "a prediction is not finite" },
    {
      name: "a number beyond all bounds",
      body: '{"predictions": [1, 1e999]}',
      found: "a prediction is null or not finite",
    },
    { name: "null", body: { predictions: [1, null] }, found: "a prediction is null or not finite" },
    {
      name: "null deep inside",
      body: { predictions: [[1], [{ a: [null] }]] },
      found: "a prediction is null or not finite",
    },
    { name: "no JSON", body: "<html>welcome</html>", found: "the answer is not JSON" },
    { name: "nothing", body: "", found: "the answer is not JSON" },
    { name: "no predictions", body: { predictions: [] }, found: "the answer holds no predictions" },
    { name: "no list of predictions", body: { predictions: 1 }, found: 'the answer has no list "predictions"' },
    { name: "another member", body: { outputs: [1, 2] }, found: 'the answer has no list "predictions"' },
    { name: "a bare number", body: "7", found: 'the answer has no list "predictions"' },
  ])("with $name is wrong", ({ body, found }) => {
    expect(measure(TWO_ROWS, answer(200, body))).toEqual({ phase: "Failed", latencyMs: 20, found });
  });

  it("without a prediction is wrong even where the request does not say how many rows it has", () => {
    expect(measure({ inputs: { a: [1] } }, answer(200, { predictions: [] })).phase).toBe("Failed");
  });

  it.each([
    { name: "400: the model refuses its own example", status: 400, phase: "Failed" },
    { name: "404: nothing serves there", status: 404, phase: "Failed" },
    { name: "500: the model broke", status: 500, phase: "Failed" },
    { name: "201: not what a scoring server answers", status: 201, phase: "Failed" },
    { name: "429: overloaded is not wrong", status: 429, phase: "Error" },
    { name: "502: restarting is not wrong", status: 502, phase: "Error" },
    { name: "503: restarting is not wrong", status: 503, phase: "Error" },
    { name: "504: overloaded is not wrong", status: 504, phase: "Error" },
  ])("$name", ({ status, phase }) => {
    const measured = measure(TWO_ROWS, answer(status, { predictions: [1, 2] }));
    expect(measured.phase).toBe(phase);
    expect(measured.found).toContain(`answered ${status}`);
  });

  it("that did not come could not be measured", () => {
    expect(measure(TWO_ROWS, noAnswer)).toEqual({ phase: "Error", latencyMs: 2_000, found: "no answer within 2 s" });
  });

  it.each([
    { name: "at its limit is in time", latencyMs: 2_000, phase: "Successful" },
    { name: "after its limit is wrong", latencyMs: 2_001, phase: "Failed" },
  ])("$name", ({ latencyMs, phase }) => {
    expect(measure(TWO_ROWS, answer(200, { predictions: [1, 2] }, latencyMs)).phase).toBe(phase);
  });

  it("that is late says how late", () => {
    const { found } = measure(TWO_ROWS, answer(200, { predictions: [1, 2] }, 2_500));
    expect(found).toBe("took 2500 ms, more than 2000 ms");
  });

  it("that is wrong and late is called wrong", () => {
    expect(measure(TWO_ROWS, answer(200, "no", 9_000)).found).toBe("the answer is not JSON");
  });
});

describe("expected values", () => {
  const expected = [0.25, 0.75];
  const predicting = (...predictions: unknown[]) => answer(200, { predictions });

  it.each([
    { name: "are met exactly", given: predicting(0.25, 0.75), tolerance: 0 },
    { name: "are met at the edge of the tolerance", given: predicting(0.5, 0.5), tolerance: 0.25 },
    { name: "are compared in order through nested lists", given: predicting([0.25], [0.75]), tolerance: 0 },
    { name: "leave texts aside", given: predicting([0.25, "no"], ["yes", 0.75]), tolerance: 0 },
  ])("$name", ({ given, tolerance }) => {
    expect(measure(TWO_ROWS, given, { expected, tolerance }).phase).toBe("Successful");
  });

  it.each([
    {
      name: "that are missed name the place",
      given: predicting(0.25, 0.9),
      found: "prediction 2 is 0.9, expected 0.75 within 0.1",
    },
    {
      name: "that are missed below count too",
      given: predicting(0.1, 0.75),
      found: "prediction 1 is 0.1, expected 0.25 within 0.1",
    },
    {
      name: "are as many as the numbers of the answer",
      given: predicting([0.25, 1], 0.75),
      found: "3 numbers where 2 were expected",
    },
    { name: "are not met by texts", given: predicting("a", "b"), found: "0 numbers where 2 were expected" },
  ])("$name", ({ given, found }) => {
    expect(measure(TWO_ROWS, given, { expected, tolerance: 0.1 })).toMatchObject({ phase: "Failed", found });
  });
});
