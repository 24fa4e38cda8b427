import type { VerifyWork } from "../domain/deployment.ts";
import type { PredictionSample, TargetPolicy } from "../domain/policy.ts";
import { errored, failed, type Problem } from "../domain/problem.ts";
import type { Release } from "../domain/release.ts";
import {
  assessHealth,
  assessPredictions,
  measurePrediction,
  type PredictionMeasurement,
  type Verdict,
} from "../domain/verification.ts";
import type { ClusterAccess } from "../ports/cluster.ts";
import { measurePods } from "./measure-pods.ts";

/** What one look of a verification came to. */
export type VerifyLook =
  | { kind: "again"; afterSeconds: number; found: string; work: VerifyWork }
  | { kind: "proven"; found: string; work: VerifyWork }
  | { kind: "refuted"; problem: Problem; work: VerifyWork };

export const NOTHING_MEASURED: VerifyWork = { health: [], predictions: [], inconclusiveRounds: 0 };

/** Rounds of predictions that could not be measured before that is the answer. */
const MAX_ROUNDS = 3;

/** One look: the health of every new pod until it is decided, then the test predictions. */
export async function lookAtRelease(
  access: ClusterAccess,
  release: Release,
  policy: TargetPolicy,
  known: VerifyWork,
  now: number,
  signal: AbortSignal,
): Promise<VerifyLook> {
  const verdict = assessHealth(known.health, policy.verify.health);
  return verdict === "Successful"
    ? predict(access, release, policy, known, signal)
    : probe(access, release, policy, known, now, signal);
}

async function probe(
  access: ClusterAccess,
  release: Release,
  policy: TargetPolicy,
  known: VerifyWork,
  now: number,
  signal: AbortSignal,
): Promise<VerifyLook> {
  const { health } = policy.verify;
  const measurement = await measurePods(access, release, health, now, signal);
  if ("death" in measurement) return { kind: "refuted", problem: measurement.death, work: known };
  const work = { ...known, health: [...known.health, measurement] };
  const verdict = assessHealth(work.health, health);
  const found = `health look ${work.health.length}: ${measurement.found}`;
  if (verdict === undefined) return { kind: "again", afterSeconds: health.intervalSeconds, found, work };
  if (verdict === "Successful") return { kind: "again", afterSeconds: unsettledSeconds(work, now), found, work };
  return { kind: "refuted", problem: unhealthy(verdict, work, health.path), work };
}

/** For so long a Service may go on sending to pods that are on their way out, whose answers say nothing of the release. */
const SETTLING_MS = 3_000;

function unsettledSeconds({ health: [first] }: VerifyWork, now: number): number {
  return Math.max(0, SETTLING_MS - (now - (first?.at ?? now))) / 1000;
}

function unhealthy(verdict: Verdict, work: VerifyWork, path: string): Problem {
  const last = work.health.at(-1)?.found ?? "nothing";
  const message = `${path} was not healthy in ${work.health.length} looks. Last: ${last}.`;
  return verdict === "Failed" ? failed("unhealthy", message) : errored("unhealthy", message);
}

async function predict(
  { prober }: ClusterAccess,
  release: Release,
  policy: TargetPolicy,
  known: VerifyWork,
  signal: AbortSignal,
): Promise<VerifyLook> {
  const { predictions } = policy.verify;
  const measurements: PredictionMeasurement[] = [];
  for (const sample of rounds(release.samples, predictions.count)) {
    // Beyond its limit an answer is wrong, so there is no point in waiting much longer for it.
    const patience = predictions.maxLatencySeconds + 1;
    const answer = await prober.postService(release.service, predictions.path, sample.request, patience, signal);
    measurements.push(measurePrediction(sample, answer, predictions));
  }
  const work = { ...known, predictions: measurements };
  const verdict = assessPredictions(measurements);
  if (verdict === "Successful")
    return { kind: "proven", found: `${measurements.length} of ${measurements.length} predictions right`, work };
  const bad = measurements.find(({ phase }) => phase !== "Successful")?.found ?? "no samples";
  if (verdict === "Failed")
    return { kind: "refuted", problem: failed("prediction-wrong", `A test prediction failed: ${bad}.`), work };
  return unmeasured(bad, work, policy);
}

function unmeasured(found: string, work: VerifyWork, policy: TargetPolicy): VerifyLook {
  const rounds = { ...work, inconclusiveRounds: work.inconclusiveRounds + 1 };
  if (rounds.inconclusiveRounds < MAX_ROUNDS)
    return {
      kind: "again",
      afterSeconds: policy.verify.health.intervalSeconds,
      found: `predictions could not be measured: ${found}`,
      work: rounds,
    };
  return {
    kind: "refuted",
    problem: errored("unhealthy", `Test predictions could not be measured: ${found}.`),
    work: rounds,
  };
}

/** So many predictions, going round the samples. */
function rounds(samples: readonly PredictionSample[], count: number): readonly PredictionSample[] {
  return Array.from({ length: Math.max(count, samples.length) }, (_, index) => samples[index % samples.length]).filter(
    (sample) => sample !== undefined,
  );
}
