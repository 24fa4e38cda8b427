import type { HealthPolicy, PredictionPolicy, PredictionSample } from "./policy.ts";

/** What one probe found. `Error`: it could not be measured. */
export type MeasurementPhase = "Successful" | "Failed" | "Error";
/** What the probes mean together. */
export type Verdict = "Successful" | "Failed" | "Inconclusive" | "Error";

/** One look at the health endpoint of every new pod. */
export interface HealthMeasurement {
  /** Epoch milliseconds. */
  at: number;
  phase: MeasurementPhase;
  /** How many pods were probed. */
  pods: number;
  /** One sentence: what was found. */
  found: string;
}

/** One test prediction. */
export interface PredictionMeasurement {
  phase: MeasurementPhase;
  latencyMs: number;
  found: string;
}

/** What an endpoint answered; a probe never throws. */
export type ProbeAnswer =
  | { kind: "answer"; status: number; body: string; latencyMs: number }
  | { kind: "no-answer"; reason: string; latencyMs: number };

/** What one pod's health answer means. */
export function measureHealth(answer: ProbeAnswer): { phase: MeasurementPhase; found: string } {
  if (answer.kind === "no-answer") return { phase: "Error", found: answer.reason };
  if (answer.status >= 200 && answer.status < 300) return { phase: "Successful", found: `${answer.status}` };
  return { phase: "Failed", found: `answered ${answer.status}` };
}

/** A record keeps every measurement, up to 1,000 on the way there and as many on the way back. */
const MAX_FOUND = 120;

/** One measurement out of the answers of all new pods: the worst of them. */
export function combineHealth(at: number, answers: readonly { pod: string; answer: ProbeAnswer }[]): HealthMeasurement {
  const found = answers.map(({ pod, answer }) => ({ pod, ...measureHealth(answer) }));
  const bad = found.find(({ phase }) => phase === "Failed") ?? found.find(({ phase }) => phase === "Error");
  if (bad !== undefined)
    return { at, phase: bad.phase, pods: found.length, found: `${bad.pod} ${bad.found}`.slice(0, MAX_FOUND) };
  if (found.length === 0) return { at, phase: "Error", pods: 0, found: "no pod of this release is there" };
  return { at, phase: "Successful", pods: found.length, found: `${found.length} of ${found.length} pods healthy` };
}

/** Successful after enough consecutive successes; decided at the last attempt otherwise; undefined: look again. */
export function assessHealth(measurements: readonly HealthMeasurement[], policy: HealthPolicy): Verdict | undefined {
  const tail = measurements.slice(-policy.successes);
  if (tail.length === policy.successes && tail.every(({ phase }) => phase === "Successful")) return "Successful";
  if (measurements.length < policy.attempts) return undefined;
  if (measurements.every(({ phase }) => phase === "Error")) return "Error";
  return measurements.some(({ phase }) => phase === "Failed") ? "Failed" : "Inconclusive";
}

/** What all predictions mean together; one that could not be measured leaves the verdict open only if none failed. */
export function assessPredictions(measurements: readonly PredictionMeasurement[]): Verdict {
  if (measurements.some(({ phase }) => phase === "Failed")) return "Failed";
  if (measurements.some(({ phase }) => phase === "Error")) return "Error";
  return measurements.length === 0 ? "Inconclusive" : "Successful";
}

/** What one prediction's answer means: status, shape, finite numbers, expected values, latency. */
export function measurePrediction(
  sample: PredictionSample,
  answer: ProbeAnswer,
  policy: Pick<PredictionPolicy, "maxLatencySeconds">,
): PredictionMeasurement {
  const { latencyMs } = answer;
  if (answer.kind === "no-answer") return { phase: "Error", latencyMs, found: answer.reason };
  // Overloaded or restarting is not wrong; what the model itself answers with 4xx or 500 is.
  if ([429, 502, 503, 504].includes(answer.status))
    return { phase: "Error", latencyMs, found: `answered ${answer.status}` };
  const fault = statusFault(answer.status) ?? answerFault(sample, answer.body) ?? latencyFault(latencyMs, policy);
  if (fault !== undefined) return { phase: "Failed", latencyMs, found: fault };
  return { phase: "Successful", latencyMs, found: `a finite answer of the right shape in ${latencyMs} ms` };
}

function statusFault(status: number): string | undefined {
  return status === 200 ? undefined : `answered ${status}, not 200`;
}

function latencyFault(latencyMs: number, policy: Pick<PredictionPolicy, "maxLatencySeconds">): string | undefined {
  if (latencyMs <= policy.maxLatencySeconds * 1000) return undefined;
  return `took ${latencyMs} ms, more than ${policy.maxLatencySeconds * 1000} ms`;
}

function answerFault(sample: PredictionSample, body: string): string | undefined {
  const predictions = parsePredictions(body);
  if (typeof predictions === "string") return predictions;
  if (predictions.length === 0) return "the answer holds no predictions";
  const rows = countRows(sample.request);
  if (rows !== undefined && predictions.length !== rows) return `${predictions.length} predictions for ${rows} rows`;
  const numbers = flatten(predictions);
  if (numbers === undefined) return "a prediction is null or not finite";
  return sample.expected === undefined ? undefined : expectationFault(numbers, sample.expected, sample.tolerance);
}

function expectationFault(
  found: readonly number[],
  expected: readonly number[],
  tolerance: number,
): string | undefined {
  if (found.length !== expected.length) return `${found.length} numbers where ${expected.length} were expected`;
  const at = expected.findIndex((value, index) => Math.abs(value - Number(found[index])) > tolerance);
  if (at === -1) return undefined;
  return `prediction ${at + 1} is ${found[at]}, expected ${expected[at]} within ${tolerance}`;
}

/** The predictions of a scoring server's answer, or what is wrong with it. MLflow's server writes a literal NaN, which is not JSON. */
function parsePredictions(body: string): readonly unknown[] | string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return /\b(NaN|-?Infinity)\b/.test(body) ? "a prediction is not finite" : "the answer is not JSON";
  }
  if (Array.isArray(parsed)) return parsed;
  if (isRecord(parsed) && Array.isArray(parsed["predictions"])) return parsed["predictions"];
  return 'the answer has no list "predictions"';
}

/** How many rows a request asks about; undefined where its form does not say. */
function countRows(request: unknown): number | undefined {
  if (!isRecord(request)) return undefined;
  const split = request["dataframe_split"];
  const rows = [
    request["instances"],
    request["inputs"],
    request["dataframe_records"],
    isRecord(split) ? split["data"] : undefined,
  ].find(Array.isArray);
  return rows?.length;
}

/** Every number in nested lists and records, in order; undefined when one is null or not finite. Text is left aside. */
function flatten(value: unknown): number[] | undefined {
  const leaves = leavesOf(value);
  const numbers = leaves.filter((leaf) => typeof leaf === "number");
  return leaves.includes(null) || !numbers.every(Number.isFinite) ? undefined : numbers;
}

/** However deep and long an answer is, which is for the other side to say. */
function leavesOf(value: unknown): readonly unknown[] {
  const leaves: unknown[] = [];
  const left = [value];
  while (left.length > 0) {
    const one = left.pop();
    if (typeof one !== "object" || one === null) leaves.push(one);
    else for (const member of Object.values(one).reverse()) left.push(member);
  }
  return leaves;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
