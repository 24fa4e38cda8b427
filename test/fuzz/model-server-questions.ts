import { expect } from "vitest";
import { createProber } from "../../shared/adapters/kubernetes/prober.ts";
import type { PredictionSample } from "../../shared/domain/policy.ts";
import { measureHealth, measurePrediction, type ProbeAnswer } from "../../shared/domain/verification.ts";
import { type GoodAnswer, SECRET, type Spoiled, spoilAnswer, type WireAnswer } from "./answer-cases.ts";
import { type Question, show } from "./answer-checks.ts";
import type { Json } from "./json-value.ts";
import { answering } from "./kubernetes-questions.ts";

const SIGNAL = new AbortController().signal;
const ROWS = [
  [10, 0],
  [0.1, 5],
];
const SERVICE = { name: "churn", port: "http" };
const POLICY = { maxLatencySeconds: 2 };

/** The numbers of an answer's predictions; undefined where there are none, or one is nothing or not finite. */
function numbersIn(body: string): readonly number[] | undefined {
  const parsed: unknown = JSON.parse(body);
  const predictions: unknown = Array.isArray(parsed) ? parsed : Object(parsed).predictions;
  if (!Array.isArray(predictions) || predictions.length !== ROWS.length) return undefined;
  let level: unknown[] = predictions;
  // Level by level, so that no depth is too deep.
  while (level.some(isInner)) level = level.flatMap((one) => (isInner(one) ? Object.values(one) : [one]));
  const numbers = level.filter((leaf) => typeof leaf === "number");
  return level.includes(null) || !numbers.every(Number.isFinite) ? undefined : numbers;
}

function isInner(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** A prediction is successful only where the answer really holds what was asked for. */
function checkPrediction(sample: PredictionSample, answer: ProbeAnswer, wire: WireAnswer | undefined): string {
  const { phase, found } = measurePrediction(sample, answer, POLICY);
  expect(found).not.toContain(SECRET);
  if (phase !== "Successful") return phase;
  expect(wire?.status).toBe(200);
  const numbers = numbersIn(wire?.body.toString("utf8") ?? "");
  expect(numbers).toBeDefined();
  for (const [at, value] of (sample.expected ?? []).entries())
    expect(Math.abs((numbers?.[at] ?? Number.NaN) - value)).toBeLessThanOrEqual(sample.tolerance);
  return phase;
}

function checkHealth(answer: ProbeAnswer, wire: WireAnswer | undefined): string {
  const { phase, found } = measureHealth(answer);
  expect(found).not.toContain(SECRET);
  if (phase === "Successful") expect(Math.floor((wire?.status ?? 0) / 100)).toBe(2);
  return phase;
}

type Probe = (prober: ReturnType<typeof createProber>) => Promise<ProbeAnswer>;

function question(
  name: string,
  good: GoodAnswer,
  others: readonly Json[],
  probe: Probe,
  check: (answer: ProbeAnswer, wire: WireAnswer | undefined) => string,
): Question {
  return {
    name,
    ask: async (random) => {
      const spoiled: Spoiled = spoilAnswer(random, good, others);
      const answer = await probe(
        createProber(
          answering(spoiled, () => true),
          "models",
        ),
      );
      try {
        return { spoiled, became: check(answer, "answer" in spoiled ? spoiled.answer : undefined) };
      } catch (error) {
        throw new Error(`${show(spoiled)} became ${JSON.stringify(answer).slice(0, 500)}: ${error}`, { cause: error });
      }
    },
  };
}

const predict: Probe = (prober) => prober.postService(SERVICE, "/predict", { instances: ROWS }, 2, SIGNAL);
const sample = (expected?: readonly number[]): PredictionSample => ({
  request: { instances: ROWS },
  tolerance: 0.25,
  ...(expected === undefined ? {} : { expected }),
});

export const MODEL_SERVER: readonly Question[] = [
  question(
    "a pod's health",
    { status: 200, body: { status: "ok" } },
    [{ kind: "Status", status: "Failure", message: "no endpoints", reason: "ServiceUnavailable", code: 503 }],
    (prober) => prober.getPod("churn-1", 8080, "/ready", 2, SIGNAL),
    checkHealth,
  ),
  question(
    "predictions of a known value",
    { status: 200, body: { predictions: [0.1, 0.9] } },
    [{ predictions: [0.9, 0.1] }, { predictions: [0.1] }, { outputs: [0.1, 0.9] }],
    predict,
    (answer, wire) => checkPrediction(sample([0, 1]), answer, wire),
  ),
  question(
    "predictions in records",
    {
      status: 200,
      body: {
        predictions: [
          { label: "stays", score: 0.9 },
          { label: "leaves", score: 0.8 },
        ],
        model: "churn",
      },
    },
    [{ predictions: ["stays", "leaves"] }, { predictions: [[], []] }, [{ score: null }, { score: 1 }]],
    predict,
    (answer, wire) => checkPrediction(sample(), answer, wire),
  ),
];
